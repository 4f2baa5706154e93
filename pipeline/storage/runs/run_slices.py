"""Stores the slices of runs: their leases and their progress."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.runs.rescore_runs import COLUMNS, run_of
from schemas.run import Run


class Slice(NamedTuple):
    """Leads `next_id` to `last_id` of one run; `attempts` counts claims since the last step."""

    run_id: int
    number: int
    next_id: int
    last_id: int
    attempts: int


class Step(NamedTuple):
    """The progress that a transaction made: leads below `next_id` are done."""

    next_id: int
    done: int
    changed: int
    tiers_changed: int


def claim(db: Session, run_id: int, *, lease: str, now: datetime, until: datetime) -> Slice | None:
    """Claims a free slice of a running run until `until`, and counts an attempt; None if there is none."""
    row = db.execute(CLAIM, {"run": run_id, "lease": lease, "now": now, "until": until}).one_or_none()
    return None if row is None else Slice(*row)


def advance(db: Session, taken: Slice, step: Step, *, lease: str, until: datetime) -> Run | None:
    """Saves a step with what else the transaction writes; None if another worker has the lease by now, or the run
    was cancelled or has failed: then nothing of it may be kept.

    The run's row is locked from here on, so this comes last.
    """
    parameters = {"run": taken.run_id, "number": taken.number, "lease": lease, "until": until, **step._asdict()}
    if not db.execute(ADVANCE, parameters).rowcount:  # type: ignore[attr-defined]
        return None
    row = db.execute(COUNT, {**parameters, "ended": int(step.next_id > taken.last_id)}).one_or_none()
    return None if row is None else run_of(row)


def release(db: Session, taken: Slice, lease: str) -> None:
    """Gives the slice back at once, without counting the attempt."""
    db.execute(RELEASE, {"run": taken.run_id, "number": taken.number, "lease": lease})


def reschedule(db: Session, taken: Slice, lease: str, *, due: datetime, error: str) -> None:
    parameters = {"run": taken.run_id, "number": taken.number, "lease": lease, "due": due, "error": error}
    if db.execute(RESCHEDULE, parameters).rowcount:  # type: ignore[attr-defined]
        db.execute(SAVE_ERROR, parameters)


def fail_exhausted(db: Session, *, now: datetime, most: int) -> list[Run]:
    """Marks as failed, and returns, the runs of which a slice has used up its attempts."""
    return [run_of(row) for row in db.execute(FAIL, {"now": now, "most": most})]


def available(db: Session, run_id: int, now: datetime, limit: int) -> int:
    """How many slices can be claimed now, counted up to `limit`."""
    return int(db.execute(AVAILABLE, {"run": run_id, "now": now, "limit": limit}).scalar_one())


def is_stalled(db: Session, run_id: int, now: datetime) -> bool:
    """Whether a slice can be claimed and no worker has any."""
    return bool(db.execute(IS_STALLED, {"run": run_id, "now": now}).scalar_one())


CLAIM = text("""
    WITH chosen AS (
        SELECT s.run_id, s.number
          FROM rescore_slices s JOIN rescore_runs r ON r.id = s.run_id
         WHERE s.run_id = :run AND r.state = 'running' AND s.state = 'waiting' AND s.due <= :now
         ORDER BY s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE rescore_slices s
       SET lease = :lease, due = :until, attempts = s.attempts + 1
      FROM chosen c
     WHERE s.run_id = c.run_id AND s.number = c.number
    RETURNING s.run_id, s.number, s.next_id, s.last_id, s.attempts
""")

ADVANCE = text("""
    UPDATE rescore_slices
       SET next_id = :next_id, due = :until, attempts = 0, error = NULL,
           state = CASE WHEN :next_id > last_id THEN 'done' ELSE state END
     WHERE run_id = :run AND number = :number AND lease = :lease AND state = 'waiting'
""")

COUNT = text(f"""
    UPDATE rescore_runs r
       SET done = r.done + :done, changed = r.changed + :changed, tiers_changed = r.tiers_changed + :tiers_changed,
           slices_left = r.slices_left - :ended, rev = r.rev + 1, updated_at = clock_timestamp(), error = NULL,
           state = CASE WHEN r.slices_left = :ended THEN 'done' ELSE r.state END,
           finished_at = CASE WHEN r.slices_left = :ended THEN clock_timestamp() END,
           paced_until = GREATEST(r.paced_until, clock_timestamp())
                         + COALESCE(:done * interval '1 second' / r.rate, interval '0')
     WHERE id = :run AND state IN ('running', 'paused')
    RETURNING {COLUMNS}
""")  # noqa: S608

RELEASE = text("""
    UPDATE rescore_slices SET lease = NULL, due = now(), attempts = GREATEST(attempts - 1, 0)
     WHERE run_id = :run AND number = :number AND lease = :lease AND state = 'waiting'
""")

RESCHEDULE = text("""
    UPDATE rescore_slices SET lease = NULL, due = :due, error = :error
     WHERE run_id = :run AND number = :number AND lease = :lease AND state = 'waiting'
""")

SAVE_ERROR = text("""
    UPDATE rescore_runs SET error = :error, rev = rev + 1 WHERE id = :run AND state IN ('running', 'paused')
""")

FAIL = text(f"""
    WITH hopeless AS (
        UPDATE rescore_slices s SET state = 'failed', lease = NULL
          FROM rescore_runs r
         WHERE r.id = s.run_id AND r.state = 'running' AND s.state = 'waiting' AND s.due <= :now AND s.attempts >= :most
        RETURNING s.run_id, s.number, s.error
    )
    UPDATE rescore_runs r
       SET state = 'failed', rev = r.rev + 1, finished_at = clock_timestamp(),
           error = COALESCE(h.error, 'whoever worked on it died without a word') || ' (slice ' || h.number || ')'
      FROM (SELECT DISTINCT ON (run_id) * FROM hopeless ORDER BY run_id, number) AS h
     WHERE r.id = h.run_id
    RETURNING {COLUMNS}
""")  # noqa: S608

AVAILABLE = text("""
    SELECT count(*) FROM (SELECT FROM rescore_slices
                           WHERE run_id = :run AND state = 'waiting' AND due <= :now LIMIT :limit) AS few
""")

IS_STALLED = text("""
    SELECT count(*) FILTER (WHERE due <= :now) > 0 AND count(*) FILTER (WHERE due > :now AND lease IS NOT NULL) = 0
      FROM rescore_slices WHERE run_id = :run AND state = 'waiting'
""")
