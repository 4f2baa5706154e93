"""Stores the leads whose newest revision has no score yet. A row here is the truth, a Celery message a hint."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations.dead_letters import FailedWork


class UnscoredBacklog(NamedTuple):
    """How many leads wait; `oldest_s`: seconds that the oldest has waited."""

    leads: int
    dead: int
    oldest_s: float


class OverdueLead(NamedTuple):
    """A lead whose message was lost or failed; `attempts` counts the one that is about to begin."""

    lead_id: int
    attempts: int
    dead: bool
    error: str | None
    since: datetime

    @property
    def failed_work(self) -> FailedWork:
        return FailedWork({"lead_id": self.lead_id}, self.error, self.attempts, self.since)


def insert_parameters(revisions: Sequence[tuple[int, int]], due: datetime) -> dict[str, Any]:
    """The parameters of INSERT_UNSCORED for (lead id, revision) that now wait; each revision has its own attempts.

    A dead lead is tried again. One that failed before keeps a message of its own, because it may fail again.

    Always an update, never `DO NOTHING`: only the row's lock keeps a score of the old revision, saved at this moment,
    from deleting the row.
    """
    ids, waiting = ([pair[n] for pair in sorted(revisions)] for n in (0, 1))
    return {"owed_ids": ids, "owed_revisions": waiting, "due": due}


def claim_overdue(
    db: Session,
    *,
    now: datetime,
    before: datetime,
    max_attempts: int,
    backoff: timedelta,
    limit: int,
    running: Sequence[int] = (),
) -> list[OverdueLead]:
    """Claims leads that are due, have waited since `before` and were not enqueued since; counts an attempt for each.

    The next is due after `backoff`, doubled with each attempt. A lead whose attempts are used up is marked dead. Rows
    that another upkeep holds are left to it, and the leads that are `running` to their worker.
    """
    parameters = {"now": now, "before": before, "most": max_attempts, "backoff": backoff, "limit": limit}
    parameters["running"] = list(running)
    return [OverdueLead(*row) for row in db.execute(CLAIM_OVERDUE, parameters)]


def note_try(db: Session, lead_ids: Sequence[int]) -> None:
    """Counts the attempt of a worker that died with these leads: the next attempt is not their first.

    So each gets a message of its own from now on, and the one that killed the worker has no more attempts than others.
    """
    db.execute(NOTE_TRY, {"ids": sorted(lead_ids)})


def note_error(db: Session, lead_ids: Sequence[int], error: str) -> None:
    """Saves the error of a failed attempt at these leads."""
    db.execute(NOTE_ERROR, {"ids": sorted(lead_ids), "error": error})


def refund_attempts(db: Session, lead_ids: Sequence[int]) -> None:
    """Takes back the counted attempts of leads that were not at fault; each keeps a message of its own."""
    db.execute(REFUND_ATTEMPTS, {"ids": sorted(lead_ids)})


def reopen(db: Session, lead_ids: Sequence[int], due: datetime) -> list[int]:
    """Lets dead leads wait again, with all their attempts, and returns their ids."""
    return list(db.execute(REOPEN, {"ids": sorted(lead_ids), "due": due}).scalars())


def discard(db: Session, lead_ids: Sequence[int]) -> None:
    """Discards dead leads; a new revision of the lead will wait again."""
    db.execute(DISCARD, {"ids": sorted(lead_ids)})


def backlog(db: Session) -> UnscoredBacklog:
    return UnscoredBacklog(*db.execute(BACKLOG).one())


INSERT_UNSCORED = """
    INSERT INTO unscored AS u (lead_id, lead_revision, since, due)
    SELECT v.id, v.revision, now(), :due
      FROM unnest(CAST(:owed_ids AS bigint[]), CAST(:owed_revisions AS bigint[])) AS v (id, revision)
        ON CONFLICT (lead_id) DO UPDATE
       SET lead_revision = excluded.lead_revision,
           since = CASE WHEN u.dead THEN excluded.since ELSE u.since END,
           due = CASE WHEN u.attempts > 0 THEN excluded.due ELSE u.due END,
           attempts = CASE WHEN u.dead THEN 0 ELSE LEAST(u.attempts, 1) END,
           error = NULL,
           dead = false
"""

CLAIM_OVERDUE = text("""
    -- Materialised, because a join that looks at it again would take more than the limit.
    WITH overdue AS MATERIALIZED (
        SELECT lead_id FROM unscored
         WHERE due <= :now AND since <= :before AND NOT dead
           -- due less its backoff is when it was enqueued last: that message may still wait
           AND lead_id <> ALL (CAST(:running AS bigint[]))
           AND (attempts = 0 OR due - :backoff * power(2, attempts - 1) <= :before)
         ORDER BY lead_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE unscored u
       SET attempts = LEAST(u.attempts + 1, :most),
           dead = u.attempts >= :most,
           due = CASE WHEN u.attempts >= :most THEN 'infinity' ELSE :now + :backoff * power(2, u.attempts) END
      FROM overdue s
     WHERE u.lead_id = s.lead_id
    RETURNING u.lead_id, u.attempts, u.dead, u.error, u.since
""")

NOTE_TRY = text("""
    UPDATE unscored u SET attempts = 1
      FROM (SELECT lead_id FROM unscored
             WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND attempts = 0
             ORDER BY lead_id FOR UPDATE) AS s
     WHERE u.lead_id = s.lead_id
""")

NOTE_ERROR = text("""
    UPDATE unscored u SET error = :error, attempts = GREATEST(u.attempts, 1)
      FROM (SELECT lead_id FROM unscored WHERE lead_id = ANY(CAST(:ids AS bigint[])) ORDER BY lead_id FOR UPDATE) AS s
     WHERE u.lead_id = s.lead_id
""")

REFUND_ATTEMPTS = text("""
    UPDATE unscored u SET attempts = 1
      FROM (SELECT lead_id FROM unscored
             WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND attempts > 1 AND NOT dead
             ORDER BY lead_id FOR UPDATE) AS s
     WHERE u.lead_id = s.lead_id
""")

DEAD = """
    SELECT lead_id FROM unscored WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND dead ORDER BY lead_id FOR UPDATE
"""

REOPEN = text(f"""
    UPDATE unscored u SET dead = false, attempts = 0, error = NULL, since = now(), due = :due
      FROM ({DEAD}) AS s WHERE u.lead_id = s.lead_id
    RETURNING u.lead_id
""")  # noqa: S608

DISCARD = text(f"DELETE FROM unscored u USING ({DEAD}) AS s WHERE u.lead_id = s.lead_id")  # noqa: S608

BACKLOG = text("""
    SELECT count(*) FILTER (WHERE NOT dead), count(*) FILTER (WHERE dead),
           COALESCE(EXTRACT(epoch FROM now() - min(since) FILTER (WHERE NOT dead)), 0)::float8
      FROM unscored
""")
