"""The API's routes for rescoring runs: admins begin, pause, resume, cancel and retry them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from pipeline.errors import NotFound
from pipeline.services import run_actions, start_run
from pipeline.storage.runs import rescore_runs
from schemas.access import Claims
from schemas.run import Preview, Run, RunAction, RunPage, RunRequest
from workers.api.access import AdminUser, CurrentServices, OperationsUser
from workers.api.idempotency import IdempotencyKey, idempotent
from workers.api.json_route import JsonRoute
from workers.api.openapi.problem_responses import problems
from workers.api.routes.lead_list_routes import BODY_LIMIT, PAGE_LIMIT

router = APIRouter(prefix="/api/v1/rescore-runs", tags=["rescoring"], route_class=JsonRoute)

RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_runs(
    services: CurrentServices, _: OperationsUser, limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50
) -> RunPage:
    """The newest first."""
    with services.reading() as db:
        return RunPage(runs=tuple(rescore_runs.page(db, limit)))


@router.post("", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 409, 422))
def begin_run(asked: RunRequest, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Run:
    """Scores the leads that meet the filter anew; two runs never work on the same leads."""
    return _settled(
        services,
        who,
        key,
        f"begin {asked.model_dump_json()}",
        lambda db: run_actions.begin_run(services, db, asked, who.sub),
    )


@router.post("/preview", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 422))
def preview_run(asked: RunRequest, services: CurrentServices, _: AdminUser) -> Preview:
    """What a run would change; nothing is written. Answers when all leads are looked at: some seconds a million."""
    return start_run.preview(services, asked, lambda _: None)


@router.get("/{run_id}", openapi_extra=problems(403))
def get_run(run_id: RunId, services: CurrentServices, _: OperationsUser) -> Run:
    """How far it has come, and what it stumbled over."""
    with services.reading() as db:
        found = rescore_runs.find(db, run_id)
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    return found


@router.post("/{run_id}/pause", openapi_extra=problems(403, 409, 422))
def pause_run(run_id: RunId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Run:
    """Whoever works on it ends its step, and nobody begins another."""
    return _steered(services, who, key, "pause", run_id)


@router.post("/{run_id}/resume", openapi_extra=problems(403, 409, 422))
def resume_run(run_id: RunId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Run:
    """A paused run goes on."""
    return _steered(services, who, key, "resume", run_id)


@router.post("/{run_id}/cancel", openapi_extra=problems(403, 409, 422))
def cancel_run(run_id: RunId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Run:
    """Ends it for good; what it has written stays."""
    return _steered(services, who, key, "cancel", run_id)


@router.post("/{run_id}/retry", openapi_extra=problems(403, 409, 422))
def retry_run(run_id: RunId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None) -> Run:
    """A failed run goes on where it stopped."""
    return _steered(services, who, key, "retry", run_id)


def _steered(services: CurrentServices, who: Claims, key: str | None, action: RunAction, run_id: int) -> Run:
    window = services.settings.rescoring.window
    return _settled(
        services,
        who,
        key,
        f"{action} {run_id}",
        lambda db: run_actions.apply_action(db, run_id, action, who.sub, window=window),
    )


def _settled(services: CurrentServices, who: Claims, key: str | None, asked: str, act: Callable[[Session], Run]) -> Run:
    with services.session() as db:
        return idempotent(db, who.sub, key, asked, lambda: act(db), Run)
