"""Stores dead letters: work whose last attempt failed, until someone replays or discards it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

WORKER_DIED = "the worker died without a word (killed, out of memory), or the message was lost each time"
NEWEST = 2**63 - 1


class DeadLetterRow(NamedTuple):
    """A dead letter; `arguments` are the ids that the task was given, by name."""

    id: int
    queue: str
    task: str
    arguments: dict[str, Any]
    error: str
    attempts: int
    first_at: datetime
    last_at: datetime


class FailedWork(NamedTuple):
    """Work that was given up; `error` is None if the worker died without reporting one."""

    arguments: Mapping[str, int | str]
    error: str | None
    attempts: int
    since: datetime


def add(db: Session, *, task: str, failures: Sequence[FailedWork]) -> None:
    """Adds a dead letter for each failure, with the error of the last attempt."""
    parameters = {
        "arguments": [orjson.dumps(failure.arguments).decode() for failure in failures],
        "errors": [failure.error or WORKER_DIED for failure in failures],
        "attempts": [failure.attempts for failure in failures],
        "sinces": [failure.since for failure in failures],
    }
    queue, _, _ = task.partition(".")
    db.execute(ADD, {"queue": queue, "task": task, **parameters})


def count(db: Session) -> int:
    return int(db.execute(text("SELECT count(*) FROM dead_letters")).scalar_one())


def page(db: Session, *, below: int = NEWEST, limit: int) -> list[DeadLetterRow]:
    """The dead letters with an id below `below`, the newest first."""
    return [DeadLetterRow(*row) for row in db.execute(PAGE, {"below": below, "limit": limit})]


def claim(db: Session, ids: Sequence[int]) -> list[DeadLetterRow]:
    """Removes and returns the dead letters that exist; of two callers for the same one, only the first gets it."""
    return [DeadLetterRow(*row) for row in db.execute(CLAIM, {"ids": sorted(ids)})]


COLUMNS = "id, queue, task, arguments, error, attempts, first_at, last_at"

ADD = text("""
    INSERT INTO dead_letters (queue, task, arguments, error, attempts, first_at, last_at)
    SELECT :queue, :task, v.*, now()
      FROM unnest(CAST(:arguments AS jsonb[]), CAST(:errors AS text[]), CAST(:attempts AS smallint[]),
                  CAST(:sinces AS timestamptz[])) AS v
""")

PAGE = text(f"SELECT {COLUMNS} FROM dead_letters WHERE id < :below ORDER BY id DESC LIMIT :limit")  # noqa: S608

CLAIM = text(f"""
    WITH held AS (SELECT id FROM dead_letters WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE),
         taken AS (DELETE FROM dead_letters WHERE id IN (SELECT id FROM held) RETURNING {COLUMNS})
    SELECT {COLUMNS} FROM taken ORDER BY id
""")  # noqa: S608
