"""How the system is: for load balancers (live, ready), for people (detailed) and for Prometheus."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import redis
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from starlette.responses import PlainTextResponse

from pipeline.errors import TryAgain
from pipeline.redis_store import queue_depths, worker_heartbeat
from pipeline.storage.models import trainings
from pipeline.storage.operations import alarms, dead_letters, outbox
from pipeline.storage.runs import rescore_runs
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from schemas.alarm import AlarmName
from schemas.api import Health, HealthCheck
from schemas.run import ACTIVE
from tasks import queues
from tasks.queues import needed
from workers.api.access import HEALTH, Credentials, CurrentServices, MetricsReader
from workers.api.openapi.problem_responses import problems
from workers.metrics_text import exposition
from workers.readiness import ESSENTIAL, Readiness, checked

STALE_S = 30.0  # work that waits longer than this is a fault to show

router = APIRouter(tags=["operations"])

DOWN: dict[int | str, Any] = {503: {"model": Health, "description": "PostgreSQL is away, or takes no writes."}}


def readiness(request: Request) -> Readiness:
    made: Readiness = request.app.state.readiness
    return made


Looked = Annotated[Readiness, Depends(readiness)]


@router.get("/health/live")
async def live() -> dict[str, str]:  # no thread of its own: PostgreSQL may hold them all
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/ready", responses=DOWN, openapi_extra={"security": [{}]})
async def ready(services: CurrentServices, credentials: Credentials, readiness: Looked, response: Response) -> Health:
    """Whether webhooks are taken: PostgreSQL answers and takes writes (503 if not).

    While Redis takes no writes it is degraded (200): webhooks are saved, and scored when Redis is back. Without a token
    it tells its status only, as load balancers and Kubernetes ask for it; with one, also what was found.
    """
    if credentials is not None:
        HEALTH(services, credentials)
    health = _health(await readiness.checks(), response)
    return health if credentials is not None else health.model_copy(update={"checks": ()})


@router.get("/health", dependencies=[Depends(HEALTH)], responses=DOWN)
async def detailed(services: CurrentServices, readiness: Looked, response: Response) -> Health:
    """PostgreSQL, Redis, workers, work owed, feed and dead letters, each with what was found."""
    found = await readiness.checks()
    return await run_in_threadpool(lambda: _health((*found, *_rest(services, found)), response))


@router.get("/metrics", response_class=PlainTextResponse, openapi_extra=problems(403))
def metrics(services: CurrentServices, _: MetricsReader) -> Response:
    """Every process's figures, as Prometheus reads them; for admins, executives and monitors."""
    return Response(_exposition(services), media_type=CONTENT_TYPE_LATEST)


def _health(checks: tuple[HealthCheck, ...], response: Response) -> Health:
    """Where no webhook can be saved it is down and tells the load balancer so; any other fault is degraded."""
    down = any(not check.ok for check in checks if check.name in ESSENTIAL)
    status: Literal["ok", "degraded", "down"] = (
        "down" if down else "ok" if all(check.ok for check in checks) else "degraded"
    )
    if down:
        response.status_code = 503
    return Health(status=status, checks=checks, at=datetime.now(UTC))


def _rest(services: Services, found: tuple[HealthCheck, ...]) -> tuple[HealthCheck, ...]:
    """What stands in Redis and PostgreSQL; of a server that does not answer nobody waits for more."""
    answers = {check.name: check.ok for check in found}
    checks = [_workers(services)] if answers.get("redis") else []
    return (*checks, *((_owed(services), _feed(services), _dead(services)) if answers["postgresql"] else ()))


def _workers(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        seen = worker_heartbeat.alive_queues(services.redis, queues.names())
        missing = [queue.name for queue in needed(services.settings) if queue.name not in seen]
        return not missing, f"none for {', '.join(missing)}" if missing else f"seen for {', '.join(sorted(seen))}"

    return checked("workers", look)


def _owed(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            owed = unscored.backlog(db)
        return owed.oldest_s < STALE_S, f"{owed.leads} leads wait for a score, the oldest {owed.oldest_s:.0f} s"

    return checked("work owed", look)


def _feed(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            waiting = outbox.backlog(db)
        return waiting.oldest_s < STALE_S, f"{waiting.events} events wait to be published"

    return checked("feed", look)


def _dead(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            dead = dead_letters.count(db)
        return dead == 0, f"{dead} dead letters"

    return checked("dead letters", look)


def _exposition(services: Services) -> bytes:
    """The processes' figures, and what the servers say now."""
    return exposition(services.settings.metrics_dir) + generate_latest(_Now(_figures(services)))


class _Now(CollectorRegistry):
    """Families as they are, and not prometheus_client's gauges: those would be written into the processes' files."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _figures(services: Services) -> Iterator[Metric]:
    """What does not answer has no figures; the processes' own are told all the same."""
    with suppress(redis.RedisError):
        yield from _queues(services)
    with suppress(TryAgain):
        yield from _work(services)


def _queues(services: Services) -> tuple[Metric, ...]:
    depth = Gauge("service6_queue_messages", "Messages that wait, by queue", labels=["queue"])
    age = Gauge("service6_queue_oldest_seconds", "Age of the next message, by queue", labels=["queue"])
    for queue in queue_depths.depths(services.redis, queues.names()):
        depth.add_metric([queue.name], queue.waiting)
        if queue.oldest_s is not None or not queue.waiting:  # an unknown age has no figure
            age.add_metric([queue.name], queue.oldest_s or 0)
    return depth, age


def _work(services: Services) -> tuple[Metric, ...]:
    owed = Gauge("service6_unscored_leads", "Leads that wait for a score", labels=["state"])
    alarm = Gauge("service6_alarm", "1 while the alarm rings", labels=["name"])
    left = Gauge("service6_rescore_leads_left", "Leads that active runs have yet to look at", labels=["state"])
    asked = Gauge("service6_trainings_open", "Trainings that wait or run", labels=["state"])
    with services.reading() as db:
        rings = {one.name for one in alarms.raised(db)}
        waiting = trainings.open_by_state(db)
        active = rescore_runs.active(db)
        work = unscored.backlog(db)
    for name in AlarmName:
        alarm.add_metric([name], name in rings)
    for state, number in waiting.items():
        asked.add_metric([state], number)
    for state in ACTIVE:
        left.add_metric([state], sum(run.leads_total - run.leads_done for run in active if run.state == state))
    owed.add_metric(["waiting"], work.leads)
    owed.add_metric(["dead"], work.dead)
    return owed, alarm, left, asked
