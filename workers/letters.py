"""Dead letters settled: the work is done again or given up, with a note of who decided so."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from pipeline.storage import audit, dead_letters, outreach, trainings, unscored
from pipeline.storage.dead_letters import Letter
from schemas.dead_letter import DeadLetter, Settlement
from tasks.errand import FETCH_BACK, WRITE_BACK
from tasks.learning import train_model
from tasks.scoring import score_leads


class Debt(NamedTuple):
    """How one task's work is owed: under which key of a letter's arguments, how it is again, and how no more."""

    key: Callable[[Mapping[str, Any]], Any]
    reopen: Callable[[Session, Sequence[Any], datetime], Sequence[Any]]
    abandon: Callable[[Session, Sequence[Any]], None]


def reopen_trainings(db: Session, ids: Sequence[int], _: datetime) -> list[int]:
    return trainings.reopen(db, list(ids))


def leave_trainings(_: Session, __: Sequence[int]) -> None:
    """It has failed, and stays so."""


CALL_OUT = Debt(lambda told: (int(told["lead_id"]), str(told["target"])), outreach.reopen, outreach.abandon)
DEBTS = {
    score_leads.name: Debt(lambda told: int(told["lead_id"]), unscored.reopen, unscored.abandon),
    WRITE_BACK: CALL_OUT,
    FETCH_BACK: CALL_OUT,
    train_model.name: Debt(lambda told: int(told["training_id"]), reopen_trainings, leave_trainings),
}


class Replayed(NamedTuple):
    """`lead_ids` wait for a score again: tell the workers once this is committed. Upkeep tells them of all else."""

    settlements: list[Settlement]
    lead_ids: list[int]


def replay(db: Session, ids: Sequence[int], *, actor: str, now: datetime, grace: timedelta) -> Replayed:
    """Their work is owed again, with all its attempts; letters that are gone are left out."""
    letters = _take(db, ids, actor, "dead_letter.replay")
    reopened = {task: set(DEBTS[task].reopen(db, keys, now + grace)) for task, keys in _debts(letters).items()}
    settlements = [
        Settlement(id=str(letter.id), outcome="enqueued" if _key(letter) in reopened[letter.task] else "settled")
        for letter in letters
    ]
    return Replayed(settlements, sorted(reopened.get(score_leads.name, ())))


def discard(db: Session, ids: Sequence[int], *, actor: str) -> list[Settlement]:
    """Their work is done when the lead changes the next time, and not before."""
    letters = _take(db, ids, actor, "dead_letter.discard")
    for task, keys in _debts(letters).items():
        DEBTS[task].abandon(db, keys)
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


def _debts(letters: Sequence[Letter]) -> dict[str, list[Any]]:
    """By task the keys of what was owed: two letters of one key are one piece of work."""
    return {task: sorted({_key(one) for one in letters if one.task == task}) for task in {one.task for one in letters}}


def _key(letter: Letter) -> Any:
    return DEBTS[letter.task].key(letter.arguments)
