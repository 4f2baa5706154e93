"""Dead letters settled: the work is done again or given up, with a note of who decided so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from pipeline.storage import audit, dead_letters, unscored
from pipeline.storage.dead_letters import Letter
from schemas.dead_letter import DeadLetter, Settlement


class Replayed(NamedTuple):
    """`lead_ids` wait again: tell the workers once this is committed."""

    settlements: list[Settlement]
    lead_ids: list[int]


def replay(db: Session, ids: Sequence[int], *, actor: str, now: datetime, grace: timedelta) -> Replayed:
    """Their leads wait for a score again, with all their attempts; letters that are gone are left out."""
    letters = _take(db, ids, actor, "dead_letter.replay")
    # By lead: two letters of one lead are one piece of work.
    reopened = unscored.reopen(db, sorted({_lead(letter) for letter in letters}), now + grace)
    settlements = [
        Settlement(id=str(letter.id), outcome="enqueued" if _lead(letter) in reopened else "settled")
        for letter in letters
    ]
    return Replayed(settlements, sorted(reopened))


def discard(db: Session, ids: Sequence[int], *, actor: str) -> list[Settlement]:
    """Their leads keep the score they have until they change."""
    letters = _take(db, ids, actor, "dead_letter.discard")
    unscored.abandon(db, sorted({_lead(letter) for letter in letters}))
    return [Settlement(id=str(letter.id), outcome="discarded") for letter in letters]


def shown(letter: Letter) -> DeadLetter:
    told = letter._asdict()
    arguments = {name: str(value) for name, value in letter.arguments.items()}
    return DeadLetter.model_validate({**told, "id": str(letter.id), "arguments": arguments})


def _take(db: Session, ids: Sequence[int], actor: str, action: str) -> list[Letter]:
    letters = dead_letters.take(db, ids)
    for letter in letters:
        detail = {"task": letter.task, "arguments": letter.arguments, "attempts": letter.attempts}
        audit.record(db, actor=actor, action=action, subject=f"dead_letter:{letter.id}", detail=detail)
    return letters


def _lead(letter: Letter) -> int:
    return int(letter.arguments["lead_id"])
