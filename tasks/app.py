"""The Celery app, and what its tasks work with."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import before_task_publish
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from pipeline.settings.loader import Settings
from pipeline.settings.server_urls import broker_url
from pipeline.task_calls import ENQUEUED_AT, TaskCall
from tasks import queues

if TYPE_CHECKING:  # beat, Flower and the supervisor need no more than the app
    from pipeline.wiring import Services

logger = logging.getLogger(__name__)

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
        "upkeep.reread": {"task": "upkeep.reread", "schedule": 60.0, "options": {"expires": 60}},
        "upkeep.prune": {"task": "upkeep.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    }
    if settings.calls_out:
        app.conf.beat_schedule["upkeep.call_out"] = {
            **app.conf.beat_schedule["upkeep.sweep"],
            "task": "upkeep.call_out",
        }


def serve(services: Services) -> None:
    """Gives this process's tasks their services."""
    _services[:] = [services]


def current_services() -> Services:
    if not _services:
        raise Unconfigured("tasks.app.serve was not called in this process")
    return _services[0]


def deliver(call: TaskCall) -> None:
    """Sends one message, without a retry. Raises what Celery raises where Redis is away."""
    app.send_task(call.task, args=call.arguments, argsrepr=call.shown, retry=False)


def send(call: TaskCall) -> bool:
    """Sends one message, or returns False where Redis is away: the row that it hints at is safe, upkeep finds it."""
    try:
        deliver(call)
    except (OperationalError, OSError) as error:
        logger.warning("Redis takes no message; upkeep will enqueue %s: %s", call.task, type(error).__name__)
        return False
    return True
