"""A training is requested: by a person, because enough outcomes came in, or because leads have drifted."""

from sqlalchemy.orm import Session

from pipeline import task_calls
from pipeline.errors import Conflict
from pipeline.storage.models import champions, outcomes, trainings
from pipeline.storage.platform.after_commit import enqueue
from schemas.training import TrainingOptions, TrainingReason

ACTOR = "service6"


def request_as_person(db: Session, options: TrainingOptions, *, actor: str) -> int:
    """The number of the training; where one with these options waits already, that one's.

    Raises Conflict if one with other options waits.
    """
    training = trainings.request(db, reason=TrainingReason.ASKED, actor=actor, wishes=options)
    if training is None:
        raise Conflict("a training with other options waits already; try again once it has started")
    enqueue(db, task_calls.train_model(training.id))
    return training.id


def request_if_due(db: Session, enough: int) -> int | None:
    """Requests one if so many outcomes came in since the last one began; its number if it did."""
    if outcomes.count_since(db, trainings.last_started(db), enough) < enough:
        return None
    return request_training(db, TrainingReason.OUTCOMES)


def request_training(db: Session, reason: TrainingReason) -> int | None:
    """With the options that made the champion: what was left out of it is left out again. None if another one waits."""
    champion = champions.in_charge(db)
    made_by = trainings.training_of(db, champion.version) if champion else None
    options = TrainingOptions.model_validate(made_by["wishes"]) if made_by else TrainingOptions()
    training = trainings.request(db, reason=reason, actor=ACTOR, wishes=options)
    if training is None:
        return None
    enqueue(db, task_calls.train_model(training.id))
    return training.id
