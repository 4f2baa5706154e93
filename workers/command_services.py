"""The services of one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.settings.loader import Settings
from pipeline.task_calls import TaskCall
from pipeline.wiring import Services


def _send(settings: Settings, call: TaskCall) -> bool:
    # Celery is loaded by the few commands that enqueue something.
    from tasks import app as tasks_app

    tasks_app.connect(settings)
    return tasks_app.send(call)


@contextmanager
def command_services(settings: Settings) -> Iterator[Services]:
    """Services that are closed at the end of the context, with metrics that nobody scrapes."""
    services = Services(settings, Metrics(CollectorRegistry()), send=partial(_send, settings))
    try:
        yield services
    finally:
        services.close()
