"""Work whose last attempt failed: kept with its reason until someone replays or discards it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

WORKER_DIED = "the worker died without a word (killed, out of memory), or the message was lost each time"
NEWEST = 2**63 - 1


class Letter(NamedTuple):
    """`arguments` are the ids that the task was given, by name."""

    id: int
    queue: str
    task: str
    arguments: dict[str, Any]
    error: str
    attempts: int
    first_at: datetime
    last_at: datetime


def bury(db: Session, *, queue: str, task: str, lead_ids: Sequence[int]) -> None:
    """One letter a lead, with the error that its last attempt noted."""
    db.execute(BURY, {"queue": queue, "task": task, "ids": sorted(lead_ids), "unknown": WORKER_DIED})


def count(db: Session) -> int:
    return int(db.execute(text("SELECT count(*) FROM dead_letters")).scalar_one())


def page(db: Session, *, below: int = NEWEST, limit: int) -> list[Letter]:
    """The newest first, from those whose id is below `below`."""
    return [Letter(*row) for row in db.execute(PAGE, {"below": below, "limit": limit})]


def take(db: Session, ids: Sequence[int]) -> list[Letter]:
    """Removes those of the letters that exist; of two who want the same one, the second waits and does not get it."""
    return [Letter(*row) for row in db.execute(TAKE, {"ids": sorted(ids)})]


COLUMNS = "id, queue, task, arguments, error, attempts, first_at, last_at"

BURY = text("""
    INSERT INTO dead_letters (queue, task, arguments, error, attempts, first_at, last_at)
    SELECT :queue, :task, jsonb_build_object('lead_id', lead_id), COALESCE(error, :unknown), attempts, since, now()
      FROM unscored WHERE lead_id = ANY(CAST(:ids AS bigint[])) ORDER BY lead_id
""")

PAGE = text(f"SELECT {COLUMNS} FROM dead_letters WHERE id < :below ORDER BY id DESC LIMIT :limit")  # noqa: S608

TAKE = text(f"""
    WITH held AS (SELECT id FROM dead_letters WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE),
         taken AS (DELETE FROM dead_letters WHERE id IN (SELECT id FROM held) RETURNING {COLUMNS})
    SELECT {COLUMNS} FROM taken ORDER BY id
""")  # noqa: S608
