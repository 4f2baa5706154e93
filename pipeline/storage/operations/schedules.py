"""Stores occurrences of schedules, so that each is handled once."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


def occur(db: Session, name: str, due: datetime) -> bool:
    """Whether this transaction is the first to handle the occurrence; waits for another that is doing so."""
    return bool(db.execute(OCCUR, {"name": name, "due": due}).rowcount)  # type: ignore[attr-defined]


def remember_run(db: Session, name: str, due: datetime, run_id: int) -> None:
    db.execute(REMEMBER_RUN, {"name": name, "due": due, "run": run_id})


def prune(db: Session, before: datetime) -> None:
    db.execute(PRUNE, {"before": before})


OCCUR = text("INSERT INTO schedules (name, due) VALUES (:name, :due) ON CONFLICT DO NOTHING")

REMEMBER_RUN = text("UPDATE schedules SET run_id = :run WHERE name = :name AND due = :due")

PRUNE = text("DELETE FROM schedules WHERE due < :before")
