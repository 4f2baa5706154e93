"""What follows a transaction once it is committed: messages to workers, and the hint that wakes the publisher.

Both are collected in the session and forgotten with it, so nothing is told of a transaction that was rolled back.
`wiring.Services.session` sends them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from pipeline.task_calls import TaskCall

CALLS = "task_calls"
EVENTS = "appended_events"


class Collected(NamedTuple):
    """`events`: whether the transaction appended any to the outbox."""

    calls: Sequence[TaskCall]
    events: bool


def enqueue(db: Session, *calls: TaskCall) -> None:
    """Has these tasks called after the commit; where Redis is away, upkeep finds their work."""
    db.info.setdefault(CALLS, []).extend(calls)


def note_events(db: Session) -> None:
    """The transaction appended to the outbox: the publisher is woken after the commit."""
    db.info[EVENTS] = True


def collected(db: Session) -> Collected:
    return Collected(db.info.get(CALLS, ()), db.info.get(EVENTS, False))
