"""The Celery app, and what its tasks work with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import before_task_publish
from kombu.entity import Queue

from pipeline.settings.loader import Settings
from pipeline.settings.server_urls import broker_url
from tasks import queues
from tasks.queues import ENQUEUED_AT

if TYPE_CHECKING:  # beat, Flower and the supervisor need no more than the app
    from pipeline.wiring import Services


app = Celery("service6")
app.config_from_object("celeryconfig")
app.conf.task_queues = [Queue(name) for name in queues.names()]  # type: ignore[no-untyped-call]


@before_task_publish.connect
def _stamp(headers: dict[str, Any], **_: object) -> None:
    """Every message, whoever sends it: beat knows tasks by name only, and calls no code of ours."""
    headers[ENQUEUED_AT] = time.time()


class Unconfigured(RuntimeError):
    """A task ran in a process that never called `serve`."""


_services: list[Services] = []


def connect(settings: Settings) -> None:
    """Tells the app where its broker and its schedule are; enough for a process that only enqueues."""
    app.conf.broker_url = broker_url(settings.redis_url)
    tick = settings.upkeep.tick_s
    app.conf.beat_schedule = {
        # A tick that nobody took before the next is of no use.
        "upkeep.sweep": {"task": "upkeep.sweep", "schedule": tick, "options": {"expires": tick}},
        "upkeep.keep_runs": {"task": "upkeep.keep_runs", "schedule": tick, "options": {"expires": tick}},
        "upkeep.keep_trainings": {"task": "upkeep.keep_trainings", "schedule": tick, "options": {"expires": tick}},
        "upkeep.watch": {
            "task": "upkeep.watch",
            "schedule": settings.learning.watch_s,
            "options": {"expires": settings.learning.watch_s},
        },
        "upkeep.prune": {"task": "upkeep.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    }
    if settings.calls_out:
        app.conf.beat_schedule["upkeep.call_out"] = {
            **app.conf.beat_schedule["upkeep.sweep"],
            "task": "upkeep.call_out",
        }


def serve(made: Services) -> None:
    """Gives this process's tasks their services."""
    _services[:] = [made]


def current_services() -> Services:
    if not _services:
        raise Unconfigured("tasks.app.serve was not called in this process")
    return _services[0]


def enqueue_leads(task: Any, lead_ids: Sequence[int]) -> None:
    _send(task, (lead_ids,), f"({len(lead_ids)} leads)")


def enqueue_source(task: Any, source: str, *more: str) -> None:
    """That there is something to be done at a source."""
    _send(task, (source, *more), f"({', '.join((source, *more))})")


def enqueue_id(task: Any, what: str, row_id: int) -> None:
    """That there is something to be done about a row of that kind."""
    _send(task, (row_id,), f"({what} {row_id})")


def _send(task: Any, arguments: tuple[Any, ...], shown: str) -> None:
    """One message, now or never: no retry, because the rows that it hints at are safe."""
    task.apply_async(args=arguments, argsrepr=shown, retry=False)
