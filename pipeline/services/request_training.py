"""When a training is due without anybody asking, and what it is to be like."""

from sqlalchemy.orm import Session

from pipeline.storage.models import champions, outcomes, trainings
from schemas.training import TrainingOptions, TrainingReason

ACTOR = "service6"


def request_if_due(db: Session, enough: int) -> int | None:
    """Asks for one if so many outcomes came in since the last one began; its number if it did."""
    if outcomes.count_since(db, trainings.last_started(db), enough) < enough:
        return None
    return request_training(db, TrainingReason.OUTCOMES)


def request_training(db: Session, reason: TrainingReason) -> int | None:
    """With the wishes that made the champion: what was left out of it is left out again."""
    champion = champions.in_charge(db)
    made_by = trainings.training_of(db, champion.version) if champion else None
    wishes = TrainingOptions.model_validate(made_by["wishes"]) if made_by else TrainingOptions()
    asked = trainings.request(db, reason=reason, actor=ACTOR, wishes=wishes)
    return asked.id if asked else None
