"""The API's routes for trainings: an admin asks for one, and follows it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from pipeline.errors import Conflict
from pipeline.storage import trainings
from schemas.training import Reason, Training, TrainingPage, TrainingWishes
from tasks.learning import hint
from workers import training_views
from workers.contract.told import problems
from workers.once import Key, once
from workers.problems import NotFound
from workers.routes import BODY_LIMIT, PAGE_LIMIT, Admin, Overseer, Own

router = APIRouter(prefix="/api/v1/trainings", tags=["models"])

TrainingId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_trainings(own: Own, _: Overseer, limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50) -> TrainingPage:
    """Trainings that were asked for, by whom or what, and what came of them."""
    with own.reading() as db:
        found = trainings.listed(db, limit)
    return TrainingPage(trainings=tuple(map(training_views.training, found)))


@router.get("/{training_id}", openapi_extra=problems(403))
def show_training(training_id: TrainingId, own: Own, _: Overseer) -> Training:
    """One training, and how far it is."""
    with own.reading() as db:
        found = trainings.find(db, training_id)
    if found is None:
        raise NotFound(f"there is no training {training_id}")
    return training_views.training(found)


@router.post("", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 409, 422))
def ask_for_training(wishes: TrainingWishes, own: Own, who: Admin, key: Key = None) -> Training:
    """Asks for a training; where one with these wishes waits already, that one does."""
    with own.session() as db:

        def act() -> Training:
            asked = trainings.ask(db, reason=Reason.ASKED, actor=who.sub, wishes=wishes)
            if asked is None:
                raise Conflict("a training with other wishes waits already; ask again once it has begun")
            return training_views.training(trainings.find(db, asked.id) or {})

        answer = once(db, who.sub, key, f"train {wishes.model_dump_json()}", act, Training)
    hint(int(answer.id))
    return answer
