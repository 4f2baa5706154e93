"""Work whose last attempt failed: kept with its reason until someone replays or discards it."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

WORKER_DIED = "the worker died without a word (killed, out of memory), or the message was lost each time"


def bury(db: Session, *, queue: str, task: str, lead_ids: Sequence[int]) -> None:
    """One letter a lead, with the error that its last attempt noted."""
    db.execute(BURY, {"queue": queue, "task": task, "ids": sorted(lead_ids), "unknown": WORKER_DIED})


def count(db: Session) -> int:
    return int(db.execute(text("SELECT count(*) FROM dead_letters")).scalar_one())


BURY = text("""
    INSERT INTO dead_letters (queue, task, arguments, error, attempts, first_at, last_at)
    SELECT :queue, :task, jsonb_build_object('lead_id', lead_id), COALESCE(error, :unknown), attempts, since, now()
      FROM unscored WHERE lead_id = ANY(CAST(:ids AS bigint[])) ORDER BY lead_id
""")
