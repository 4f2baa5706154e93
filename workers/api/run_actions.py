"""A run as people steer it, by command or by API: every deed is audited, announced, and told to the workers."""

from contextlib import suppress

from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from pipeline.errors import Conflict
from pipeline.services import start_run
from pipeline.storage.operations import audit
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.run import ACTIVE, Run, RunAction, RunRequest, RunState
from tasks.run_messages import enqueue_slices
from workers.api.errors import NotFound

OPERATOR = "operator"
TRANSITIONS: dict[RunAction, tuple[RunState, tuple[RunState, ...]]] = {
    "pause": (RunState.PAUSED, (RunState.RUNNING,)),
    "resume": (RunState.RUNNING, (RunState.PAUSED,)),
    "cancel": (RunState.CANCELLED, (*ACTIVE, RunState.FAILED)),
}


def begin_run(services: Services, db: Session, asked: RunRequest, actor: str) -> Run:
    """Raises Overlaps, UnknownAttribute or GiveUp as `runs.open_run`."""
    run = start_run.open_run(services, db, asked, actor=actor, reason=OPERATOR)
    audit.record(db, actor=actor, action="run.begin", subject=f"run:{run.id}", detail={"leads": run.leads_total})
    return run


def apply_action(db: Session, run_id: int, deed: RunAction, actor: str) -> Run:
    """Raises NotFound, or Conflict where the run's state does not allow it."""
    run = start_run.retry(db, run_id) if deed == "retry" else rescore_runs.change_state(db, run_id, *TRANSITIONS[deed])
    if run is None:
        found = rescore_runs.find(db, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id}")
        raise Conflict(f"run {run_id} is {found.state}: it cannot {deed}")
    audit.record(db, actor=actor, action=f"run.{deed}", subject=f"run:{run_id}", detail={})
    rescore_runs.announce(db, run)
    return run


def notify_workers(services: Services, run: Run) -> None:
    """Once it is committed; upkeep does where Redis is away."""
    services.stream.hint()
    if run.state == RunState.RUNNING:
        with suppress(OperationalError, OSError):
            enqueue_slices(services, int(run.id))
