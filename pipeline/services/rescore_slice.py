"""One slice of a rescoring run under a lease, step by step.

Any number of workers on any number of hosts share a run, and none of them knows of the others: a message says that the
run has slices to do, and whoever takes it claims the next of them.
"""

import logging
import os
import secrets
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pipeline import task_calls
from pipeline.errors import GiveUp, Service6Error, TryAgain
from pipeline.log import trace
from pipeline.redis_store.changed_leads import ChangedLeads, pack
from pipeline.services.rescorer import JudgedScores, Rescorer
from pipeline.storage.runs import rescore_runs, run_slices
from pipeline.storage.runs.rescore_runs import RunSpec
from pipeline.storage.runs.run_slices import Slice, Step
from pipeline.wiring import Services
from schemas.run import Run, RunState

logger = logging.getLogger(__name__)

ROUND_S = 20.0  # of work a message; with a step more it is less than Celery's soft limit
LONGEST_PAUSE_S = 5.0  # for the sake of a run's rate: then somebody else may go on
LONGEST_BACKOFF_S = 60.0


class LeaseLost(GiveUp):
    """The lease had run out and is somebody else's, or the run has ended: nothing of the step may be kept."""


def rescore_slice(services: Services, run_id: int) -> None:
    """Does the next free slice of the run, step by step; then another message takes the place of this one."""
    spec = run_spec(services, run_id)
    if spec is None:
        return
    if _pace(spec):
        claimed = claim(services, run_id)
        if claimed is None or not _do(SliceJob(services, spec, *claimed)):
            return
    services.send(task_calls.rescore(run_id))


def _do(job: "SliceJob") -> bool:
    """Whether the run goes on."""
    try:
        return job.run()
    except LeaseLost as error:
        logger.warning("run %d, slice %d: %s", job.slice.run_id, job.slice.number, error)
        return False
    except Exception as error:
        job.reschedule(error)
        # An error that is not ours may quote a value.
        raise GiveUp("a slice could not be rescored; `service6 runs show` tells why") from None


class SliceJob:
    """One slice under a lease."""

    def __init__(self, services: Services, spec: RunSpec, claimed: Slice, lease: str) -> None:
        self.slice = claimed
        self._services = services
        self._settings = services.settings.rescoring
        self._lease = lease
        self._spec = spec
        self._sources = tuple(services.settings.targets_by_source)  # whose CRMs get each score

    def run(self) -> bool:
        """Whether the run goes on. A run with a rate has a step a message, and rests before the next."""
        spec = self._spec
        rescorer = Rescorer(self._services.scorer_of(spec.model_id), spec.model_id, spec.as_of, spec.filter)
        ends = time.monotonic() + ROUND_S
        while True:
            run = self._step(rescorer)
            if self.slice.next_id > self.slice.last_id:
                return run.state == RunState.RUNNING
            if run.state != RunState.RUNNING or spec.rate is not None or time.monotonic() > ends:
                with self._services.session() as db:
                    run_slices.release(db, self.slice, self._lease)
                return run.state == RunState.RUNNING

    def reschedule(self, error: Exception) -> None:
        """Notes the error, and when the slice is due again. Where PostgreSQL is away the lease runs out."""
        backoff_s = min(LONGEST_BACKOFF_S, self._settings.backoff_s * 2.0 ** (self.slice.attempts - 1))
        due = datetime.now(UTC) + timedelta(seconds=backoff_s)
        reason = str(error) if isinstance(error, Service6Error) else trace(error).partition("\n")[0]
        logger.error("run %d, slice %d: %s", self.slice.run_id, self.slice.number, trace(error))
        with suppress(TryAgain), self._services.session() as db:
            run_slices.reschedule(db, self.slice, self._lease, due=due, error=reason)

    def _step(self, rescorer: Rescorer) -> Run:
        first = self.slice.next_id
        with self._services.reading() as db:
            last = min(self.slice.last_id, first + self._width(rescore_runs.live_work_waits(db)) - 1)
            judged = rescorer.judge(db, first, last)
        with self._services.session() as db:
            changed = rescorer.save(db, judged)
            if changed and self._sources:
                rescorer.announce(db, changed, self._sources)
            step = _counted(last + 1, judged, changed)
            until = datetime.now(UTC) + timedelta(seconds=self._settings.lease_s)
            run = run_slices.advance(db, self.slice, step, lease=self._lease, until=until)
            if run is None:
                raise LeaseLost("the lease is another worker's by now, or the run has ended")
            rescore_runs.announce(db, run, pack(changed) if changed else None)
        self._services.metrics.rescored.labels("changed").inc(step.changed)
        self._services.metrics.rescored.labels("same").inc(step.done - step.changed)
        self.slice = self.slice._replace(next_id=step.next_id, attempts=0)
        return run

    def _width(self, live_work_waits: bool) -> int:
        """Ids of the next step: few while live work waits, since a step holds its locks to its end."""
        width = self._settings.live_ids if live_work_waits else self._settings.step_ids
        return width if self._spec.rate is None else min(width, self._spec.rate)


def _counted(next_id: int, judged: JudgedScores, changed: ChangedLeads | None) -> Step:
    if changed is None:
        return Step(next_id, len(judged), 0, 0)
    return Step(next_id, len(judged), len(changed.ids), judged.tiers_changed(changed.ids))


def _pace(spec: RunSpec) -> bool:
    """For the sake of the run's rate nobody begins a step before; whoever would rest for long lets others go first."""
    if spec.rate is None:
        return True
    rest_s = (spec.paced_until - datetime.now(UTC)).total_seconds()
    time.sleep(min(max(0.0, rest_s), LONGEST_PAUSE_S))
    return rest_s <= LONGEST_PAUSE_S


def run_spec(services: Services, run_id: int) -> RunSpec | None:
    with services.reading() as db:
        return rescore_runs.run_spec(db, run_id)


def claim(services: Services, run_id: int) -> tuple[Slice, str] | None:
    # Whoever looks into the table sees who did which slice.
    lease = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"
    now = datetime.now(UTC)
    until = now + timedelta(seconds=services.settings.rescoring.lease_s)
    with services.session() as db:
        claimed = run_slices.claim(db, run_id, lease=lease, now=now, until=until)
    return (claimed, lease) if claimed else None
