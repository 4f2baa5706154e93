"""A run as people steer it, by command or by API: every deed is audited, announced, and told to the workers."""

from contextlib import suppress

from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from pipeline import runs
from pipeline.errors import Conflict
from pipeline.storage import audit, rescoring
from pipeline.wiring import Services
from schemas.run import ACTIVE, Deed, Run, RunRequest, RunState
from tasks.runs import enqueue_slices
from workers.problems import NotFound

OPERATOR = "operator"
CHANGES: dict[Deed, tuple[RunState, tuple[RunState, ...]]] = {
    "pause": (RunState.PAUSED, (RunState.RUNNING,)),
    "resume": (RunState.RUNNING, (RunState.PAUSED,)),
    "cancel": (RunState.CANCELLED, (*ACTIVE, RunState.FAILED)),
}


def begin(own: Services, db: Session, asked: RunRequest, actor: str) -> Run:
    """Raises Overlaps, UnknownAttribute or GiveUp as `runs.open_run`."""
    run = runs.open_run(own, db, asked, actor=actor, reason=OPERATOR)
    audit.record(db, actor=actor, action="run.begin", subject=f"run:{run.id}", detail={"leads": run.leads_total})
    return run


def steer(db: Session, run_id: int, deed: Deed, actor: str) -> Run:
    """Raises NotFound, or Conflict where the run's state does not allow it."""
    run = runs.retry(db, run_id) if deed == "retry" else rescoring.change_state(db, run_id, *CHANGES[deed])
    if run is None:
        found = rescoring.find(db, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id}")
        raise Conflict(f"run {run_id} is {found.state}: it cannot {deed}")
    audit.record(db, actor=actor, action=f"run.{deed}", subject=f"run:{run_id}", detail={})
    rescoring.announce(db, run)
    return run


def tell_workers(own: Services, run: Run) -> None:
    """Once it is committed; upkeep does where Redis is away."""
    own.stream.hint()
    if run.state == RunState.RUNNING:
        with suppress(OperationalError, OSError):
            enqueue_slices(own, int(run.id))
