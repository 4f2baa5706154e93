"""Dead letters are settled: their work is owed again or given up, with a record of who decided so."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from pipeline.storage.models import trainings
from pipeline.storage.operations import audit, dead_letters
from pipeline.storage.operations.dead_letters import DeadLetterRow
from pipeline.storage.outbound import outbound_work
from pipeline.storage.platform.after_commit import enqueue
from pipeline.storage.scores import unscored
from pipeline.task_calls import FETCH_BACK, SCORE_LEADS, TRAIN_MODEL, WRITE_BACK, score_batches
from schemas.dead_letter import DeadLetterResolution


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
    lambda arguments: (int(arguments["lead_id"]), str(arguments["target"])), outbound_work.reopen, outbound_work.discard
)
RETRY_HANDLERS = {
    SCORE_LEADS: RetryHandler(lambda arguments: int(arguments["lead_id"]), unscored.reopen, unscored.discard),
    WRITE_BACK: OUTBOUND,
    FETCH_BACK: OUTBOUND,
    TRAIN_MODEL: RetryHandler(lambda arguments: int(arguments["training_id"]), reopen_trainings, keep_trainings_failed),
}


def replay(
    db: Session, ids: Sequence[int], *, actor: str, now: datetime, grace: timedelta, message_leads: int
) -> list[DeadLetterResolution]:
    """Their work is owed again, with all its attempts; dead letters that are gone are left out.

    Leads are enqueued after the commit, `message_leads` a message; upkeep enqueues all else after `grace`.
    """
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
    enqueue(db, *score_batches(sorted(reopened.get(SCORE_LEADS, ())), message_leads))
    return settlements


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
