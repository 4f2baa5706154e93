"""Leads whose message was lost are enqueued again; those whose last attempt failed become dead letters."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pipeline import task_calls
from pipeline.redis_store import lost_batches, queue_depths
from pipeline.storage.operations import dead_letters
from pipeline.storage.platform.after_commit import enqueue
from pipeline.storage.scores import unscored
from pipeline.task_calls import SCORE_LEADS
from pipeline.wiring import Services

logger = logging.getLogger(__name__)

BATCH = 100  # leads a message, when they are enqueued again for the first time


def requeue_leads(services: Services, now: datetime) -> None:
    """Enqueues overdue leads.

    A lead is overdue once it has waited for the grace period *and* longer than the message that stands first in the
    queue: what is older than the whole queue is not in it. So a backlog is never mistaken for a loss. Nor is what a
    worker has just taken; what it has held for the grace period was tried: it is slow, or it died with its host.
    """
    upkeep = services.settings.upkeep
    grace = timedelta(seconds=upkeep.grace_s)
    oldest = min(now.timestamp(), queue_depths.complete_until(services.redis, "scoring"))
    held = queue_depths.held(services.redis, SCORE_LEADS)
    taken_before = (now - grace).timestamp()
    died = lost_batches.noted(services.redis)
    tried = [lead_id for batch in died for lead_id in batch]
    tried += [lead_id for message in held if message.taken_at <= taken_before for lead_id in message.lead_ids]
    with services.session() as db:
        if tried:
            unscored.note_try(db, tried)
        overdue = unscored.claim_overdue(
            db,
            now=now,
            before=datetime.fromtimestamp(oldest, UTC) - grace,
            max_attempts=upkeep.max_attempts,
            backoff=timedelta(seconds=upkeep.backoff_s),
            limit=upkeep.batch,
            running=[lead_id for message in held if message.taken_at > taken_before for lead_id in message.lead_ids],
        )
        dead = [lead.failed_work for lead in overdue if lead.dead]
        if dead:
            dead_letters.add(db, task=SCORE_LEADS, failures=dead)
        enqueue(db, *map(task_calls.score_leads, batches([lead for lead in overdue if not lead.dead])))
    if died:
        lost_batches.forget(services.redis, len(died))
    services.metrics.requeued.inc(len(overdue) - len(dead))
    services.metrics.dead.inc(len(dead))
    if overdue:
        logger.info("work found", extra={"enqueued": len(overdue) - len(dead), "dead": len(dead)})


def batches(overdue: Sequence[unscored.OverdueLead]) -> Iterator[list[int]]:
    """Those that nobody has tried together, since most were just lost; the others alone, as one may be poison."""
    together = [lead.lead_id for lead in overdue if lead.attempts == 1]
    for start in range(0, len(together), BATCH):
        yield together[start : start + BATCH]
    for lead in overdue:
        if lead.attempts > 1:
            yield [lead.lead_id]
