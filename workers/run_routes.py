"""The API's routes for rescoring runs: admins begin, pause, resume, cancel and retry them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from pipeline import runs
from pipeline.storage import rescoring
from schemas.access import Claims
from schemas.run import Deed, Preview, Run, RunPage, RunRequest
from workers import steering
from workers.contract.told import problems
from workers.once import Key, once
from workers.problems import NotFound
from workers.routes import BODY_LIMIT, PAGE_LIMIT, Admin, Overseer, Own

router = APIRouter(prefix="/api/v1/rescore-runs", tags=["rescoring"])

RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_runs(own: Own, _: Overseer, limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50) -> RunPage:
    """The newest first."""
    with own.reading() as db:
        return RunPage(runs=tuple(rescoring.page(db, limit)))


@router.post("", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 409, 422))
def begin_run(asked: RunRequest, own: Own, who: Admin, key: Key = None) -> Run:
    """Scores the leads that meet the filter anew; two runs never work on the same leads."""
    return _settled(
        own, who, key, f"begin {asked.model_dump_json()}", lambda db: steering.begin(own, db, asked, who.sub)
    )


@router.post("/preview", max_body_size=BODY_LIMIT, openapi_extra=problems(403, 422))
def preview_run(asked: RunRequest, own: Own, _: Admin) -> Preview:
    """What a run would change; nothing is written. Answers when all leads are looked at: some seconds a million."""
    return runs.preview(own, asked, lambda _: None)


@router.get("/{run_id}", openapi_extra=problems(403))
def get_run(run_id: RunId, own: Own, _: Overseer) -> Run:
    """How far it has come, and what it stumbled over."""
    with own.reading() as db:
        found = rescoring.find(db, run_id)
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    return found


@router.post("/{run_id}/pause", openapi_extra=problems(403, 409, 422))
def pause_run(run_id: RunId, own: Own, who: Admin, key: Key = None) -> Run:
    """Whoever works on it ends its step, and nobody begins another."""
    return _steered(own, who, key, "pause", run_id)


@router.post("/{run_id}/resume", openapi_extra=problems(403, 409, 422))
def resume_run(run_id: RunId, own: Own, who: Admin, key: Key = None) -> Run:
    """A paused run goes on."""
    return _steered(own, who, key, "resume", run_id)


@router.post("/{run_id}/cancel", openapi_extra=problems(403, 409, 422))
def cancel_run(run_id: RunId, own: Own, who: Admin, key: Key = None) -> Run:
    """Ends it for good; what it has written stays."""
    return _steered(own, who, key, "cancel", run_id)


@router.post("/{run_id}/retry", openapi_extra=problems(403, 409, 422))
def retry_run(run_id: RunId, own: Own, who: Admin, key: Key = None) -> Run:
    """A failed run goes on where it stopped."""
    return _steered(own, who, key, "retry", run_id)


def _steered(own: Own, who: Claims, key: str | None, deed: Deed, run_id: int) -> Run:
    return _settled(own, who, key, f"{deed} {run_id}", lambda db: steering.steer(db, run_id, deed, who.sub))


def _settled(own: Own, who: Claims, key: str | None, asked: str, act: Callable[[Session], Run]) -> Run:
    with own.session() as db:
        run = once(db, who.sub, key, asked, lambda: act(db), Run)
    steering.tell_workers(own, run)
    return run
