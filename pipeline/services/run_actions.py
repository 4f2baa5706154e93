"""What a person does with a rescoring run, by command or API: each action is audited, announced and dispatched."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from pipeline import task_calls
from pipeline.errors import Conflict, NotFound
from pipeline.services import start_run
from pipeline.storage.operations import audit
from pipeline.storage.platform.after_commit import enqueue
from pipeline.storage.runs import rescore_runs, run_slices
from pipeline.wiring import Services
from schemas.run import ACTIVE, Run, RunAction, RunRequest, RunState

OPERATOR = "operator"
TRANSITIONS: dict[RunAction, tuple[RunState, tuple[RunState, ...]]] = {
    "pause": (RunState.PAUSED, (RunState.RUNNING,)),
    "resume": (RunState.RUNNING, (RunState.PAUSED,)),
    "cancel": (RunState.CANCELLED, (*ACTIVE, RunState.FAILED)),
}


def begin_run(services: Services, db: Session, request: RunRequest, actor: str) -> Run:
    """Raises OverlappingRun, UnknownAttribute or GiveUp as `start_run.open_run`."""
    run = start_run.open_run(services, db, request, actor=actor, reason=OPERATOR)
    audit.record(db, actor=actor, action="run.begin", subject=f"run:{run.id}", detail={"leads": run.leads_total})
    enqueue_slices(db, int(run.id), services.settings.rescoring.window)
    return run


def apply_action(db: Session, run_id: int, action: RunAction, actor: str, *, window: int) -> Run:
    """Raises NotFound, or Conflict where the run's state does not allow it. `window`: as of `enqueue_slices`."""
    run = (
        start_run.retry(db, run_id)
        if action == "retry"
        else rescore_runs.change_state(db, run_id, *TRANSITIONS[action])
    )
    if run is None:
        unchanged = rescore_runs.find(db, run_id)
        if unchanged is None:
            raise NotFound(f"there is no run {run_id}")
        raise Conflict(f"run {run_id} is {unchanged.state}: it cannot {action}")
    audit.record(db, actor=actor, action=f"run.{action}", subject=f"run:{run_id}", detail={})
    rescore_runs.announce(db, run)
    if run.state == RunState.RUNNING:
        enqueue_slices(db, run_id, window)
    return run


def enqueue_slices(db: Session, run_id: int, window: int) -> None:
    """Enqueues as many messages as there are slices to claim, `window` at most: each message enqueues the next one."""
    slices = run_slices.available(db, run_id, datetime.now(UTC), window)
    enqueue(db, *[task_calls.rescore(run_id)] * slices)
