"""The API's routes for learned models: admins and executives read, an admin decides.

Nobody else: a card names attributes and their values, which a viewer does not see, and tells of all owners' leads.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path

from pipeline.errors import GiveUp, NotFound
from pipeline.scoring.glassbox import open_artefact
from pipeline.scoring.term_shapes import shapes
from pipeline.services import model_promotion
from pipeline.services.model_monitoring import accuracy_of
from pipeline.storage.models import champions, model_versions, trainings
from pipeline.storage.models.champions import ChampionChange
from pipeline.storage.operations import alarms
from pipeline.wiring import Services
from schemas.model import Drift, ModelDetail, ModelList, Promotion, PromotionRequest
from schemas.model_card import ModelCard
from schemas.term_shape import TermShape
from workers.api import training_views
from workers.api.access import AdminUser, CurrentServices, OperationsUser
from workers.api.idempotency import IdempotencyKey, idempotent
from workers.api.json_route import JsonRoute
from workers.api.openapi.problem_responses import problems
from workers.api.routes.lead_list_routes import BODY_LIMIT

router = APIRouter(prefix="/api/v1/models", tags=["models"], route_class=JsonRoute)

Version = Annotated[str, Path(max_length=100, pattern=r"^[a-z0-9-]+$")]


@router.get("", openapi_extra=problems(403))
def list_models(services: CurrentServices, _: OperationsUser) -> ModelList:
    """The learned models, which of them is in charge, and the alarms that ring."""
    with services.reading() as db:
        found = champions.listed(db)
        ringing = alarms.raised(db)
    in_charge = next((one.version for one in found if one.stage == "champion"), None)
    return ModelList(models=tuple(map(training_views.summary, found)), champion=in_charge, alarms=tuple(ringing))


# Before the version, of whose name it could be.
@router.post("/revert", openapi_extra=problems(403, 409, 422))
def revert_model(services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Promotion:
    """Puts back what was in charge before."""
    with services.session() as db:

        def act() -> Promotion:
            return _told(model_promotion.revert(db, actor=who.sub))

        done = idempotent(db, who.sub, key, "revert", act, Promotion)
    return _counted(services, done)


@router.get("/{version}", openapi_extra=problems(403))
def show_model(version: Version, services: CurrentServices, _: OperationsUser) -> ModelDetail:
    """A model's card, the shape of each of its terms, and how right it was since outcomes came in."""
    known(services, version)
    with services.reading() as db:
        standing = champions.find(db, version)
        artefact = model_versions.load(db, standing.id).artefact
        made_by = trainings.training_of(db, version)
        found = accuracy_of(db, standing.id)
    card = ModelCard.model_validate(standing.card)
    return ModelDetail(
        model=training_views.summary_of(standing, card),
        card=card,
        shapes=_shapes(artefact),
        training=None if made_by is None else training_views.training(made_by),
        accuracy=found,
        drift=None if standing.drift is None else Drift.model_validate(standing.drift),
    )


@router.post("/{version}/promote", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 409, 422))
def promote_model(
    version: Version, asked: PromotionRequest, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None
) -> Promotion:
    """Puts this model in charge: leads that change from now on are scored by it."""
    known(services, version)
    with services.session() as db:

        def act() -> Promotion:
            return _told(model_promotion.promote(db, version, actor=who.sub, anyway=asked.anyway))

        done = idempotent(db, who.sub, key, f"promote {version} {asked.anyway}", act, Promotion)
    return _counted(services, done)


def known(services: Services, version: str) -> None:
    with services.reading() as db:
        if not champions.knows(db, version):
            raise NotFound(f"there is no learned model {version}")


def _told(handover: ChampionChange) -> Promotion:
    return Promotion(champion=handover.now, before=handover.before, stale=0)


def _counted(services: Services, done: Promotion) -> Promotion:
    """After the commit: of a million leads it takes as long as others would wait for the lock."""
    with services.reading() as db:
        return done.model_copy(update={"stale": champions.stale(db)})


def _shapes(artefact: Mapping[str, Any]) -> tuple[TermShape, ...]:
    """None of a model that is damaged: its card can be read all the same."""
    try:
        return shapes(open_artefact(artefact).tables)
    except GiveUp:
        return ()
