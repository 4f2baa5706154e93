"""The API's routes for trainings: an admin asks for one, and follows it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from pipeline.errors import NotFound
from pipeline.services import request_training
from pipeline.storage.models import trainings
from schemas.training import Training, TrainingOptions, TrainingPage
from workers.api import training_views
from workers.api.access import AdminUser, CurrentServices, OperationsUser
from workers.api.idempotency import IdempotencyKey, idempotent
from workers.api.json_route import JsonRoute
from workers.api.openapi.problem_responses import problems
from workers.api.routes.lead_list_routes import BODY_LIMIT, PAGE_LIMIT

router = APIRouter(prefix="/api/v1/trainings", tags=["models"], route_class=JsonRoute)

TrainingId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_trainings(
    services: CurrentServices, _: OperationsUser, limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50
) -> TrainingPage:
    """Trainings that were asked for, by whom or what, and what came of them."""
    with services.reading() as db:
        found = trainings.listed(db, limit)
    return TrainingPage(trainings=tuple(map(training_views.training, found)))


@router.get("/{training_id}", openapi_extra=problems(403))
def show_training(training_id: TrainingId, services: CurrentServices, _: OperationsUser) -> Training:
    """One training, and how far it is."""
    with services.reading() as db:
        found = trainings.find(db, training_id)
    if found is None:
        raise NotFound(f"there is no training {training_id}")
    return training_views.training(found)


@router.post("", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 409, 422))
def ask_for_training(
    wishes: TrainingOptions, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None
) -> Training:
    """Asks for a training; where one with these wishes waits already, that one does."""
    with services.session() as db:

        def act() -> Training:
            training_id = request_training.request_as_person(db, wishes, actor=who.sub)
            return training_views.training(trainings.find(db, training_id) or {})

        return idempotent(db, who.sub, key, f"train {wishes.model_dump_json()}", act, Training)
