"""The Celery application of a worker: `celery -A workers.worker worker`."""

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import heartbeat_sent, setup_logging, task_failure, worker_process_init, worker_shutting_down

from pipeline import log, metric_files
from pipeline.redis_store import lost_batches, worker_heartbeat
from pipeline.settings import loader
from pipeline.task_calls import SCORE_LEADS
from pipeline.wiring import Services
from tasks import app as tasks_app
from tasks import counting
from workers import deadline

MERGED_EVERY_S = 60.0

logger = logging.getLogger(__name__)

app = tasks_app.app
# An entry point, not a library: importing it is starting the process.
_settings = loader.load()
tasks_app.connect(_settings)
_services = Services(_settings, send=tasks_app.send)
counting.count_with(_services.metrics)
_services.scorer  # noqa: B018 - a scorecard that makes no sense must stop the start, not lead after lead


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    log.configure("worker")


@worker_process_init.connect
def _start_child(**_: object) -> None:
    """Serves tasks in a child; connections open on first use, after the fork, because processes must not share them."""
    tasks_app.serve(_services)


@task_failure.connect
def _note_death(sender: Any, exception: BaseException, args: Any, **_: object) -> None:
    """Notes, in the parent, the leads of a child that died."""
    if sender.name == SCORE_LEADS and isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
        with suppress(redis.RedisError), redis.Redis.from_url(_settings.redis_url, socket_timeout=1) as connection:
            lost_batches.note(connection, args[0])


@worker_shutting_down.connect
def _end_in_time(**_: object) -> None:
    """Bounds the shutdown, because Celery waits for each answer of a Redis that hangs."""
    deadline.begin(_settings.workers.stop_s, deadline.kill_children)


class Marker:
    """Marks in Redis that the worker lives, with its heartbeats but less often."""

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


class Merger:
    """Merges the metrics of dead children, whether or not somebody scrapes them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._merged_at = -MERGED_EVERY_S

    def beat(self, **_: object) -> None:
        if time.monotonic() - self._merged_at < MERGED_EVERY_S:
            return
        self._merged_at = time.monotonic()
        try:
            metric_files.merge_the_dead(self._directory)
        except OSError as error:  # a full disk, say; the files stay as they are
            logger.warning("the figures of dead processes could not be merged: %s", error)


_marker = Marker()
heartbeat_sent.connect(_marker.beat)
if _settings.metrics_dir is not None:
    _merger = Merger(_settings.metrics_dir)
    heartbeat_sent.connect(_merger.beat)
