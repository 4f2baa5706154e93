"""When a training is due without anybody asking, and what it is to be like."""

from sqlalchemy.orm import Session

from pipeline.storage import champions, outcomes, trainings
from schemas.training import Reason, TrainingWishes

ACTOR = "service6"


def ask_if_due(db: Session, enough: int) -> int | None:
    """Asks for one if so many outcomes came in since the last one began; its number if it did."""
    if outcomes.count_since(db, trainings.last_begun(db), enough) < enough:
        return None
    return ask(db, Reason.OUTCOMES)


def ask(db: Session, reason: Reason) -> int | None:
    """With the wishes that made the champion: what was left out of it is left out again."""
    champion = champions.in_charge(db)
    made_by = trainings.maker(db, champion.version) if champion else None
    wishes = TrainingWishes.model_validate(made_by["wishes"]) if made_by else TrainingWishes()
    asked = trainings.ask(db, reason=reason, actor=ACTOR, wishes=wishes)
    return asked.id if asked else None
