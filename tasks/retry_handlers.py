"""Dead letters settled: the work is done again or given up, with a note of who decided so."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from pipeline.services.crm_sync import FETCH_BACK, WRITE_BACK
from pipeline.storage.models import trainings
from pipeline.storage.operations import audit, dead_letters
from pipeline.storage.operations.dead_letters import DeadLetterRow
from pipeline.storage.outbound import outbound_work
from pipeline.storage.scores import unscored
from schemas.dead_letter import DeadLetterResolution
from tasks.learning import train_model
from tasks.scoring import score_leads


class RetryHandler(NamedTuple):
    """How one task's work is owed: under which key of a letter's arguments, how it is again, and how no more."""

    key: Callable[[Mapping[str, Any]], Any]
    reopen: Callable[[Session, Sequence[Any], datetime], Sequence[Any]]
    abandon: Callable[[Session, Sequence[Any]], None]


def reopen_trainings(db: Session, ids: Sequence[int], _: datetime) -> list[int]:
    return trainings.reopen(db, list(ids))


def keep_trainings_failed(_: Session, __: Sequence[int]) -> None:
    """It has failed, and stays so."""


OUTBOUND = RetryHandler(
    lambda told: (int(told["lead_id"]), str(told["target"])), outbound_work.reopen, outbound_work.discard
)
RETRY_HANDLERS = {
    score_leads.name: RetryHandler(lambda told: int(told["lead_id"]), unscored.reopen, unscored.discard),
    WRITE_BACK: OUTBOUND,
    FETCH_BACK: OUTBOUND,
    train_model.name: RetryHandler(lambda told: int(told["training_id"]), reopen_trainings, keep_trainings_failed),
}


class ReplayResult(NamedTuple):
    """`lead_ids` wait for a score again: tell the workers once this is committed. Upkeep tells them of all else."""

    settlements: list[DeadLetterResolution]
    lead_ids: list[int]


def replay(db: Session, ids: Sequence[int], *, actor: str, now: datetime, grace: timedelta) -> ReplayResult:
    """Their work is owed again, with all its attempts; letters that are gone are left out."""
    letters = _claim(db, ids, actor, "dead_letter.replay")
    reopened = {
        task: set(RETRY_HANDLERS[task].reopen(db, keys, now + grace)) for task, keys in _keys_by_task(letters).items()
    }
    settlements = [
        DeadLetterResolution(
            id=str(letter.id), outcome="enqueued" if _key(letter) in reopened[letter.task] else "settled"
        )
        for letter in letters
    ]
    return ReplayResult(settlements, sorted(reopened.get(score_leads.name, ())))


def discard(db: Session, ids: Sequence[int], *, actor: str) -> list[DeadLetterResolution]:
    """Their work is done when the lead changes the next time, and not before."""
    letters = _claim(db, ids, actor, "dead_letter.discard")
    for task, keys in _keys_by_task(letters).items():
        RETRY_HANDLERS[task].abandon(db, keys)
    return [DeadLetterResolution(id=str(letter.id), outcome="discarded") for letter in letters]


def _claim(db: Session, ids: Sequence[int], actor: str, action: str) -> list[DeadLetterRow]:
    letters = dead_letters.claim(db, ids)
    for letter in letters:
        detail = {"task": letter.task, "arguments": letter.arguments, "attempts": letter.attempts}
        audit.record(db, actor=actor, action=action, subject=f"dead_letter:{letter.id}", detail=detail)
    return letters


def _keys_by_task(letters: Sequence[DeadLetterRow]) -> dict[str, list[Any]]:
    """By task the keys of what was owed: two letters of one key are one piece of work."""
    return {task: sorted({_key(one) for one in letters if one.task == task}) for task in {one.task for one in letters}}


def _key(letter: DeadLetterRow) -> Any:
    return RETRY_HANDLERS[letter.task].key(letter.arguments)
