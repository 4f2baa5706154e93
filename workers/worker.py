"""What a Celery worker starts with: `celery -A workers.worker worker`."""

import time
from contextlib import suppress
from typing import Any

import redis
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import heartbeat_sent, setup_logging, task_failure, worker_process_init

from pipeline import log
from pipeline.settings import loader
from pipeline.wiring import Services
from tasks import app as tasks_app
from tasks import deaths, worker_heartbeat
from tasks.scoring import score_leads

app = tasks_app.app
# An entry point, not a library: importing it is starting the process.
_settings = loader.load()
tasks_app.connect(_settings)
_services = Services(_settings)
_services.scorer  # noqa: B018 - a scorecard that makes no sense must stop the start, not lead after lead


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    log.configure("worker")


@worker_process_init.connect
def _start_child(**_: object) -> None:
    """Connections open when they are first used, which is after the fork: processes must not share them."""
    tasks_app.serve(_services)


@task_failure.connect
def _note_death(sender: Any, exception: BaseException, args: Any, **_: object) -> None:
    """In the parent: which leads a process held that died, since it cannot tell itself."""
    if sender.name == score_leads.name and isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
        with suppress(redis.RedisError), redis.Redis.from_url(_settings.redis_url, socket_timeout=1) as connection:
            deaths.note(connection, args[0])


class Marker:
    """Leaves the worker's mark with its heartbeat, but less often."""

    def __init__(self) -> None:
        self._marked_at = -worker_heartbeat.EVERY_S
        self._redis: redis.Redis | None = None

    def beat(self, **_: object) -> None:
        if time.monotonic() - self._marked_at < worker_heartbeat.EVERY_S:
            return
        self._redis = self._redis or redis.Redis.from_url(_settings.redis_url, socket_timeout=1)
        try:
            worker_heartbeat.beat(self._redis, list(app.amqp.queues.consume_from))
        except redis.RedisError:
            return  # the worker itself reports a broker that is away
        self._marked_at = time.monotonic()


_marker = Marker()
heartbeat_sent.connect(_marker.beat)
