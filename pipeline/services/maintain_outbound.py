"""Outbound work by the clock: what is due is enqueued, and what was owed for too long becomes a dead letter."""

from datetime import datetime, timedelta

from pipeline import task_calls
from pipeline.services.crm_sync import add_dead_letters
from pipeline.storage.outbound import outbound_work
from pipeline.storage.outbound.outbound_work import FETCH
from pipeline.storage.platform.after_commit import enqueue
from pipeline.wiring import Services


def enqueue_due(services: Services, now: datetime) -> None:
    """Enqueues a call for each CRM that is owed something, once the calls of the last time are taken."""
    if services.redis.llen("outbound"):
        return
    with services.session() as db:
        for source, target in services.settings.targets:
            if outbound_work.is_due(db, source, target, now):
                enqueue(db, task_calls.write_back(source, target))
        for source in services.settings.fetched:
            if outbound_work.is_due(db, source, FETCH, now):
                enqueue(db, task_calls.fetch_back(source))


def expire(services: Services, now: datetime) -> None:
    """A worker that dies over a lead abandons nothing; time does."""
    owed_for = timedelta(hours=services.settings.outbound.give_up_h)
    with services.session() as db:
        deaths = outbound_work.expire(db, now=now, owed_for=owed_for, limit=services.settings.upkeep.batch)
        if deaths:
            add_dead_letters(db, deaths)
    services.metrics.dead.inc(len(deaths))
