"""How the system is: for load balancers (live, ready), for people (detailed) and for Prometheus."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import redis
from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text
from starlette.responses import PlainTextResponse

from pipeline.errors import Service6Error, TryAgain
from pipeline.storage.models import trainings
from pipeline.storage.operations import alarms, dead_letters, outbox
from pipeline.storage.runs import rescore_runs
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from schemas.alarm import AlarmName
from schemas.api import Health, HealthCheck
from schemas.run import ACTIVE
from tasks import queue_depths, worker_heartbeat
from tasks.queues import needed
from workers.api.routes.lead_list_routes import CurrentServices, current_user
from workers.exposition import exposition

STALE_S = 30.0  # work that waits longer than this is a fault to show

router = APIRouter(tags=["operations"])

DOWN: dict[int | str, Any] = {503: {"model": Health, "description": "PostgreSQL is away."}}


@router.get("/health/live")
async def live() -> dict[str, str]:  # no thread of its own: PostgreSQL may hold them all
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/ready", dependencies=[Depends(current_user)], responses=DOWN)
def ready(services: CurrentServices, response: Response) -> Health:
    """PostgreSQL and Redis answer: webhooks can be taken and scored."""
    return _health((_postgresql(services), _redis(services)), response)


@router.get("/health", dependencies=[Depends(current_user)], responses=DOWN)
def detailed(services: CurrentServices, response: Response) -> Health:
    """PostgreSQL, Redis, workers, work owed, feed and dead letters, each with what was found."""
    checks = (
        _postgresql(services),
        _redis(services),
        _workers(services),
        _owed(services),
        _feed(services),
        _dead(services),
    )
    return _health(checks, response)


@router.get("/metrics", dependencies=[Depends(current_user)], response_class=PlainTextResponse)
def metrics(services: CurrentServices) -> Response:
    """Every process's figures, as Prometheus reads them."""
    return Response(_exposition(services), media_type=CONTENT_TYPE_LATEST)


def _health(checks: tuple[HealthCheck, ...], response: Response) -> Health:
    """Without PostgreSQL it is down and tells the load balancer so; any other fault is degraded."""
    down = any(not check.ok for check in checks if check.name == "postgresql")
    status: Literal["ok", "degraded", "down"] = (
        "down" if down else "ok" if all(check.ok for check in checks) else "degraded"
    )
    if down:
        response.status_code = 503
    return Health(status=status, checks=checks, at=datetime.now(UTC))


def _checked(name: str, look: Callable[[], tuple[bool, str]]) -> HealthCheck:
    try:
        ok, detail = look()
    except (Service6Error, redis.RedisError) as error:
        ok, detail = False, str(error) if isinstance(error, Service6Error) else "does not answer"
    return HealthCheck(name=name, ok=ok, detail=detail)


def _postgresql(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            db.execute(text("SELECT 1"))
        return True, "answers"

    return _checked("postgresql", look)


def _redis(services: Services) -> HealthCheck:
    return _checked("redis", lambda: (bool(services.redis.ping()), "answers"))


def _workers(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        seen = worker_heartbeat.alive_queues(services.redis)
        missing = [queue.name for queue in needed(services.settings) if queue.name not in seen]
        return not missing, f"none for {', '.join(missing)}" if missing else f"seen for {', '.join(sorted(seen))}"

    return _checked("workers", look)


def _owed(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            owed = unscored.backlog(db)
        return owed.oldest_s < STALE_S, f"{owed.leads} leads wait for a score, the oldest {owed.oldest_s:.0f} s"

    return _checked("work owed", look)


def _feed(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            waiting = outbox.backlog(db)
        return waiting.oldest_s < STALE_S, f"{waiting.events} events wait to be published"

    return _checked("feed", look)


def _dead(services: Services) -> HealthCheck:
    def look() -> tuple[bool, str]:
        with services.reading() as db:
            dead = dead_letters.count(db)
        return dead == 0, f"{dead} dead letters"

    return _checked("dead letters", look)


def _exposition(services: Services) -> bytes:
    """The processes' figures, and what the servers say now."""
    now = CollectorRegistry()
    depth = Gauge("service6_queue_messages", "Messages that wait, by queue", ["queue"], registry=now)
    age = Gauge("service6_queue_oldest_seconds", "Age of the next message, by queue", ["queue"], registry=now)
    owed = Gauge("service6_unscored_leads", "Leads that wait for a score", ["state"], registry=now)
    # What does not answer has no figures; the processes' own are told all the same.
    with suppress(redis.RedisError):
        for queue in queue_depths.depths(services.redis):
            depth.labels(queue.name).set(queue.waiting)
            if queue.oldest_s is not None or not queue.waiting:  # an unknown age has no figure
                age.labels(queue.name).set(queue.oldest_s or 0)
    alarm = Gauge("service6_alarm", "1 while the alarm rings", ["name"], registry=now)
    left = Gauge("service6_rescore_leads_left", "Leads that active runs have yet to look at", ["state"], registry=now)
    asked = Gauge("service6_trainings_open", "Trainings that wait or run", ["state"], registry=now)
    with suppress(TryAgain), services.reading() as db:
        rings = {one.name for one in alarms.raised(db)}
        for name in AlarmName:
            alarm.labels(name).set(name in rings)
        for state, number in trainings.open_by_state(db).items():
            asked.labels(state).set(number)
        active = rescore_runs.active(db)
        for state in ACTIVE:
            left.labels(state).set(sum(run.leads_total - run.leads_done for run in active if run.state == state))
        work = unscored.backlog(db)
        owed.labels("waiting").set(work.leads)
        owed.labels("dead").set(work.dead)
    return exposition(services.settings.metrics_dir) + generate_latest(now)
