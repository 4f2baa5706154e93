"""Rescoring runs by the clock: those that are due begin, stuck ones fail, and lost messages are sent again."""

from datetime import datetime

from pipeline import task_calls
from pipeline.services.run_actions import enqueue_slices
from pipeline.services.start_run import open_scheduled, open_sweep
from pipeline.storage.platform.after_commit import enqueue
from pipeline.storage.runs import rescore_runs, run_slices
from pipeline.wiring import Services
from schemas.run import RunState


def maintain_runs(services: Services, now: datetime) -> None:
    limits = services.settings.rescoring
    for name, schedule in limits.schedules.items():
        open_scheduled(services, name, schedule, now)
    open_sweep(services, now)
    messages = services.redis.llen("rescoring")
    with services.session() as db:
        for run in run_slices.fail_exhausted(db, now=now, most=limits.max_attempts):
            rescore_runs.announce(db, run)
        running = [int(run.id) for run in rescore_runs.active(db) if run.state == RunState.RUNNING]
        for run_id in running:
            if not messages:
                enqueue_slices(db, run_id, limits.window)
            elif messages < limits.window * len(running) and run_slices.is_stalled(db, run_id, now):
                enqueue(db, task_calls.rescore(run_id))  # the messages may all be of other runs
