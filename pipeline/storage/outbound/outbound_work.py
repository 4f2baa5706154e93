"""Stores calls to CRMs that are due: one row per lead and target; only the newest score matters.

`due` is null where nothing is due; the row stays, with what the target was sent last, or as a mark that it was fetched.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.operations.dead_letters import FailedWork
from schemas.outbound import WriteBack

Key = tuple[int, str]  # lead id, target
FETCH = "fetch"  # the target of a fetch-back: the record is read, nothing is sent


class WriteBackPayload(NamedTuple):
    """A score that may have to be sent to a target."""

    lead_id: int
    target: str
    source: str
    external_id: str
    rev: int
    score: float
    tier: str
    body: str | None


class RescheduledWork(NamedTuple):
    lead_id: int
    due: datetime
    error: str


class OutboundBacklog(NamedTuple):
    """The backlog of one source and target; `oldest_s`: seconds that the oldest has waited."""

    source: str
    target: str
    leads: int
    dead: int
    oldest_s: float


def delete_published_and_enqueue(
    db: Session, published: Sequence[int], payloads: Sequence[WriteBackPayload], now: datetime
) -> None:
    """Deletes published outbox rows and, in the same statement, makes their scores due at their targets.

    A score and tier that the target was sent last are not due again. A row that is being sent, or backs off, keeps its
    time.
    """
    newest = {
        (payload.lead_id, payload.target): payload for payload in sorted(payloads, key=lambda payload: payload.rev)
    }
    # In one order, so that no two writers wait for each other.
    columns = list(zip(*(newest[key] for key in sorted(newest)), strict=True)) or [()] * len(WriteBackPayload._fields)
    parameters = {name: list(column) for name, column in zip(WriteBackPayload._fields, columns, strict=True)}
    db.execute(DELETE_PUBLISHED_AND_ENQUEUE, {**parameters, "published": list(published), "now": now})


def enqueue_fetches(db: Session, lead_ids: Sequence[int], sources: Sequence[str], *, few: int, now: datetime) -> None:
    """Makes a fetch due, once per lead, for leads of the sources that are new or have fewer than `few` attributes."""
    db.execute(ENQUEUE_FETCHES, {"ids": list(lead_ids), "sources": list(sources), "few": few, "now": now})


def is_due(db: Session, source: str, target: str, now: datetime) -> bool:
    overdue: bool = db.execute(IS_DUE, {"source": source, "target": target, "now": now}).scalar_one()
    return overdue


def claim(
    db: Session, source: str, target: str, *, lease: str, now: datetime, until: datetime, limit: int
) -> list[WriteBack]:
    """Claims the rows that are due longest, until `until`, and counts an attempt for each."""
    parameters = {"source": source, "target": target, "lease": lease, "now": now, "until": until, "limit": limit}
    return [WriteBack(*row) for row in db.execute(CLAIM, parameters)]


def complete(db: Session, target: str, lease: str, sent: Sequence[WriteBack], now: datetime) -> None:
    """Marks scores as sent; where a newer score came meanwhile, that is due now.

    A row that the lease no longer holds stays as it is.
    """
    ids, revs, scores, tiers = ([write_back[place] for write_back in sent] for place in (0, 2, 3, 4))
    parameters = {"ids": ids, "revs": revs, "scores": scores, "tiers": tiers}
    db.execute(COMPLETE, {**parameters, "target": target, "lease": lease, "now": now})


def delete(db: Session, target: str, lease: str, gone: Sequence[WriteBack]) -> None:
    """Deletes the rows of records that the target does not have."""
    db.execute(DELETE, {"ids": [write_back.lead_id for write_back in gone], "target": target, "lease": lease})


def reschedule(db: Session, target: str, lease: str, retries: Sequence[RescheduledWork]) -> None:
    """Makes the rows due again at their time."""
    ids, dues, errors = (list(column) for column in zip(*sorted(retries), strict=True))
    db.execute(RESCHEDULE, {"ids": ids, "dues": dues, "errors": errors, "target": target, "lease": lease})


def abandon(db: Session, target: str, lease: str, hopeless: Sequence[tuple[int, str]]) -> list[FailedWork]:
    """Marks (lead id, error) as dead; a newer score reopens them."""
    ids, errors = ([pair[place] for pair in sorted(hopeless)] for place in (0, 1))
    rows = db.execute(ABANDON, {"ids": ids, "errors": errors, "target": target, "lease": lease})
    return [_failed_work(*row) for row in rows]


def expire(db: Session, *, now: datetime, owed_for: timedelta, limit: int) -> list[FailedWork]:
    """Marks as dead, and returns, rows that have been tried for longer than `owed_for`."""
    parameters = {"now": now, "before": now - owed_for, "limit": limit}
    return [_failed_work(*row) for row in db.execute(EXPIRE, parameters)]


def reopen(db: Session, keys: Sequence[Key], due: datetime) -> list[Key]:
    """Makes dead rows due again, and returns their keys."""
    ids, targets = _columns(keys)
    rows = db.execute(REOPEN, {"ids": ids, "targets": targets, "due": due})
    return [(lead_id, target) for lead_id, target in rows]


def discard(db: Session, keys: Sequence[Key]) -> None:
    """Discards dead rows; a newer score will be due."""
    ids, targets = _columns(keys)
    db.execute(DISCARD, {"ids": ids, "targets": targets})


def backlog(db: Session) -> list[OutboundBacklog]:
    return [OutboundBacklog(*row) for row in db.execute(BACKLOG)]


def _failed_work(lead_id: int, target: str, error: str | None, attempts: int, since: datetime) -> FailedWork:
    return FailedWork({"lead_id": lead_id, "target": target}, error, attempts, since)


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[str]]:
    ordered = sorted(keys)
    return [lead_id for lead_id, _ in ordered], [target for _, target in ordered]


DIFFERS_FROM_SENT = "((excluded.score, excluded.tier) IS DISTINCT FROM (w.told_score, w.told_tier))"
DELETE_PUBLISHED_AND_ENQUEUE = text(f"""
    WITH published AS (DELETE FROM outbox WHERE id = ANY(CAST(:published AS bigint[])))
    INSERT INTO outbound_work AS w (lead_id, target, source, external_id, rev, score, tier, body, due, since)
    SELECT v.*, :now, :now
      FROM unnest(CAST(:lead_id AS bigint[]), CAST(:target AS text[]), CAST(:source AS text[]),
                  CAST(:external_id AS text[]), CAST(:rev AS bigint[]), CAST(:score AS real[]),
                  CAST(:tier AS text[]), CAST(:body AS text[])) AS v
        ON CONFLICT (lead_id, target) DO UPDATE
       SET rev = excluded.rev, score = excluded.score, tier = excluded.tier, body = excluded.body,
           due = COALESCE(w.due, CASE WHEN {DIFFERS_FROM_SENT} THEN excluded.due END),
           since = CASE WHEN w.due IS NULL THEN excluded.since ELSE w.since END,
           attempts = CASE WHEN w.due IS NULL THEN 0 ELSE w.attempts END,
           error = CASE WHEN w.due IS NULL THEN NULL ELSE w.error END,
           dead = w.dead AND NOT {DIFFERS_FROM_SENT}
     WHERE excluded.rev > w.rev
       -- what is dead may be replayed, and then tells the newest
       AND (w.due IS NOT NULL OR w.dead OR {DIFFERS_FROM_SENT})
""")  # noqa: S608

ENQUEUE_FETCHES = text("""
    INSERT INTO outbound_work (lead_id, target, source, external_id, rev, due, since)
    SELECT id, 'fetch', source, external_id, 0, :now, :now
      FROM leads
     WHERE id = ANY(CAST(:ids AS bigint[])) AND source = ANY(CAST(:sources AS text[]))
       AND (revision = 1 OR (SELECT count(*) FROM jsonb_object_keys(attributes)) < :few)
     ORDER BY id
        ON CONFLICT DO NOTHING
""")

IS_DUE = text("""
    SELECT EXISTS (SELECT FROM outbound_work WHERE source = :source AND target = :target AND due <= :now)
""")

# Materialized: looked at again for each row, it would skip those that it has locked, and find others.
CLAIM = text("""
    WITH s AS MATERIALIZED (
        SELECT lead_id FROM outbound_work
         WHERE source = :source AND target = :target AND due <= :now
         ORDER BY due, lead_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE outbound_work w SET lease = :lease, due = :until, attempts = LEAST(w.attempts + 1, 1000)
      FROM s
     WHERE w.lead_id = s.lead_id AND w.target = :target
    -- what is fetched has no score
    RETURNING w.lead_id, w.external_id, w.rev, COALESCE(w.score, 0), COALESCE(w.tier, ''), w.body, w.attempts
""")

# In ascending order of lead id, and of each the newest version: the publisher may be about to write one.
HELD = """
    SELECT lead_id FROM outbound_work
     WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND target = :target AND lease = :lease
     ORDER BY lead_id FOR UPDATE
"""

COMPLETE = text(f"""
    UPDATE outbound_work w
       SET told_score = v.score, told_tier = v.tier, lease = NULL, attempts = 0, error = NULL,
           due = CASE WHEN w.rev > v.rev THEN :now END,
           since = CASE WHEN w.rev > v.rev THEN :now ELSE w.since END,
           body = CASE WHEN w.rev > v.rev THEN w.body END
      FROM ({HELD}) AS s
      JOIN unnest(CAST(:ids AS bigint[]), CAST(:revs AS bigint[]), CAST(:scores AS real[]), CAST(:tiers AS text[]))
           AS v (lead_id, rev, score, tier) USING (lead_id)
     WHERE w.lead_id = s.lead_id AND w.target = :target
""")  # noqa: S608

DELETE = text(f"DELETE FROM outbound_work w USING ({HELD}) AS s WHERE w.lead_id = s.lead_id AND w.target = :target")  # noqa: S608

RESCHEDULE = text(f"""
    UPDATE outbound_work w SET due = v.due, error = v.error, lease = NULL
      FROM ({HELD}) AS s
      JOIN unnest(CAST(:ids AS bigint[]), CAST(:dues AS timestamptz[]), CAST(:errors AS text[]))
           AS v (lead_id, due, error) USING (lead_id)
     WHERE w.lead_id = s.lead_id AND w.target = :target
""")  # noqa: S608

ABANDON = text(f"""
    UPDATE outbound_work w SET due = NULL, dead = true, error = v.error, lease = NULL
      FROM ({HELD}) AS s
      JOIN unnest(CAST(:ids AS bigint[]), CAST(:errors AS text[])) AS v (lead_id, error) USING (lead_id)
     WHERE w.lead_id = s.lead_id AND w.target = :target
    RETURNING w.lead_id, w.target, w.error, w.attempts, w.since
""")  # noqa: S608

EXPIRE = text("""
    WITH s AS MATERIALIZED (
        SELECT lead_id, target FROM outbound_work
         WHERE due IS NOT NULL AND since <= :before AND attempts > 0 AND (lease IS NULL OR due <= :now)
         ORDER BY lead_id, target LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE outbound_work w SET due = NULL, dead = true, lease = NULL
      FROM s
     WHERE w.lead_id = s.lead_id AND w.target = s.target
    RETURNING w.lead_id, w.target, w.error, w.attempts, w.since
""")

DEAD = """
    SELECT w.lead_id, w.target
      FROM outbound_work w
      JOIN unnest(CAST(:ids AS bigint[]), CAST(:targets AS text[])) AS k (lead_id, target) USING (lead_id, target)
     WHERE w.dead ORDER BY w.lead_id, w.target FOR UPDATE OF w
"""

REOPEN = text(f"""
    UPDATE outbound_work w SET dead = false, attempts = 0, error = NULL, since = now(), due = :due
      FROM ({DEAD}) AS s WHERE w.lead_id = s.lead_id AND w.target = s.target
    RETURNING w.lead_id, w.target
""")  # noqa: S608

DISCARD = text(f"""
    UPDATE outbound_work w SET dead = false, attempts = 0, error = NULL, body = NULL
      FROM ({DEAD}) AS s WHERE w.lead_id = s.lead_id AND w.target = s.target
""")  # noqa: S608

BACKLOG = text("""
    SELECT source, target, count(*) FILTER (WHERE due IS NOT NULL), count(*) FILTER (WHERE dead),
           COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(since) FILTER (WHERE due IS NOT NULL)), 0)::float8
      FROM outbound_work
     WHERE due IS NOT NULL OR dead
     GROUP BY source, target ORDER BY source, target
""")
