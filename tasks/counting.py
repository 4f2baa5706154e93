"""Counts what every task of every queue does: how often it ran and failed, how long it took and its message waited."""

import time
from typing import Any

from celery import Task
from celery.signals import task_failure, task_postrun, task_prerun

from pipeline.metrics import Metrics
from pipeline.task_calls import ENQUEUED_AT


def count_with(metrics: Metrics) -> None:
    """For a worker's main process before it forks: its children count too, and it counts those whose child died."""
    counting = Counting(metrics)
    for signal, receiver in (
        (task_prerun, counting.begin),
        (task_postrun, counting.end),
        # Not a hook of the task's class: of a child that was killed only this signal tells.
        (task_failure, counting.fail),
    ):
        signal.connect(receiver, weak=False)


class Counting:
    """Labels are names of registered tasks, and a worker refuses every other name: they are few."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def begin(self, task: Task, **_: object) -> None:
        request = task.request
        request.began = time.monotonic()
        again = bool((request.delivery_info or {}).get("redelivered"))
        self._metrics.task_runs.labels(task.name, "yes" if again else "no").inc()
        enqueued_at = request.get(ENQUEUED_AT)
        if isinstance(enqueued_at, int | float):
            self._metrics.task_wait_seconds.labels(task.name).observe(max(0.0, time.time() - enqueued_at))

    def end(self, task: Task, **_: object) -> None:
        self._metrics.task_seconds.labels(task.name).observe(time.monotonic() - task.request.began)

    def fail(self, sender: Any, **_: object) -> None:
        self._metrics.task_failures.labels(sender.name).inc()
