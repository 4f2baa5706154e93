"""Queue `upkeep`: finds what fell through, and keeps the tables in shape. Running twice does no harm."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pipeline import retraining
from pipeline.runs import open_scheduled, open_sweep
from pipeline.storage import (
    dead_letters,
    deliveries,
    idempotency,
    outcomes,
    outreach,
    partitions,
    rescoring,
    schedules,
    slices,
    timeline,
    trainings,
    unscored,
)
from pipeline.storage.outreach import FETCH
from pipeline.wiring import Services
from schemas.run import RunState
from tasks import presence, watch
from tasks.app import app, enqueue, enqueue_errand, enqueue_id, services
from tasks.errand import QUEUE, bury
from tasks.learning import QUEUE as LEARNING
from tasks.learning import hint, train_model
from tasks.outreach import fetch_back, write_back
from tasks.queues import oldest
from tasks.rescoring import rescore
from tasks.runs import enqueue_slices
from tasks.scoring import score_leads

logger = logging.getLogger(__name__)

BUNDLE = 100  # leads a message, when they are enqueued again for the first time


@app.task(name="upkeep.sweep")
def sweep() -> None:
    """Enqueues leads whose message was lost; buries those whose last attempt failed.

    A lead counts as stranded once it has waited for the grace period *and* longer than the message that stands first
    in the queue: what is older than the whole queue is not in it. So a backlog is never mistaken for a loss.
    """
    own = services()
    upkeep = own.settings.upkeep
    now = datetime.now(UTC)
    presence.mark_tick(own.redis)
    head = oldest(own.redis, "scoring")
    queue_from = now if head is None else datetime.fromtimestamp(head, UTC)
    with own.session() as db:
        stranded = unscored.strand(
            db,
            now=now,
            before=min(now, queue_from) - timedelta(seconds=upkeep.grace_s),
            max_attempts=upkeep.max_attempts,
            backoff=timedelta(seconds=upkeep.backoff_s),
            limit=upkeep.batch,
        )
        dead = [lead.death for lead in stranded if lead.dead]
        if dead:
            dead_letters.bury(db, queue="scoring", task=score_leads.name, deaths=dead)
    for bundle in bundles([lead for lead in stranded if not lead.dead]):
        enqueue(score_leads, bundle)
    own.metrics.requeued.inc(len(stranded) - len(dead))
    own.metrics.dead.inc(len(dead))
    if stranded:
        logger.info("work found", extra={"enqueued": len(stranded) - len(dead), "dead": len(dead)})


@app.task(name="upkeep.call_out")
def call_out() -> None:
    """Tells the workers of outreach which CRMs are owed something, if they have taken what was told them before."""
    own = services()
    if own.redis.llen(QUEUE):
        return
    now = datetime.now(UTC)
    with own.reading() as db:
        told = [pair for pair in own.settings.targets if outreach.is_due(db, *pair, now)]
        fetched = [source for source in own.settings.fetched if outreach.is_due(db, source, FETCH, now)]
    for source, target in told:
        enqueue_errand(write_back, source, target)
    for source in fetched:
        enqueue_errand(fetch_back, source)


@app.task(name="upkeep.keep_runs")
def keep_runs() -> None:
    """Begins the runs that are due, fails those that are stuck, and brings back messages that were lost."""
    own = services()
    now = datetime.now(UTC)
    for name, schedule in own.settings.rescoring.schedules.items():
        open_scheduled(own, name, schedule, now)
    open_sweep(own, now)
    with own.session() as db:
        failed = slices.fail_the_hopeless(db, now=now, most=own.settings.rescoring.max_attempts)
        for run in failed:
            rescoring.announce(db, run)
    if failed:
        own.stream.hint()
    waiting = own.redis.llen("rescoring")
    with own.reading() as db:
        running = [int(run.id) for run in rescoring.active(db) if run.state == RunState.RUNNING]
        still = [run_id for run_id in running if slices.stands_still(db, run_id, now)]
    for run_id in running:
        if not waiting:
            enqueue_slices(own, run_id)
        elif run_id in still and waiting < own.settings.rescoring.window * len(running):
            enqueue_id(rescore, "run", run_id)  # those that wait may all be of other runs


@app.task(name="upkeep.keep_trainings")
def keep_trainings() -> None:
    """Judges outcomes, asks for a training where enough came in, and brings back the one that is due."""
    own = services()
    now = datetime.now(UTC)
    watch.look_at_model(own, now)
    with own.session() as db:
        outcomes.judge(db, own.settings.upkeep.batch)
        deaths = trainings.give_up(db, now=now, most=own.settings.learning.max_attempts)
        if deaths:
            dead_letters.bury(db, queue=LEARNING, task=train_model.name, deaths=deaths)
    own.metrics.dead.inc(len(deaths))
    heard = own.outcomes.read()
    if heard:
        with own.session() as db:
            retraining.ask_if_due(db, own.settings.learning.outcomes)
        own.outcomes.acknowledge(heard)
    if own.redis.llen(LEARNING):
        return
    with own.reading() as db:
        due = trainings.due(db, now)
    if due is not None:
        hint(due)


@app.task(name="upkeep.watch")
def watch_champion() -> None:
    """Looks at the model in charge, and counts the outcomes of which no hint came."""
    own = services()
    watch.look(own, datetime.now(UTC))
    with own.session() as db:
        asked = retraining.ask_if_due(db, own.settings.learning.outcomes)
    if asked is not None:
        hint(asked)


@app.task(name="upkeep.prune")
def prune() -> None:
    """Forgets old delivery ids, old answers and what was told long ago, and makes next months' history partitions."""
    own = services()
    now = datetime.now(UTC)
    with own.session() as db:
        deliveries.prune(db, now - timedelta(days=own.settings.upkeep.delivery_days))
        idempotency.prune(db, now)
    if own.settings.calls_out:
        _expire(own, now)
    with own.session() as db:
        timeline.prune(db, now - timedelta(days=own.settings.upkeep.timeline_days))
    with own.session() as db:
        before = now - timedelta(days=own.settings.rescoring.kept_days)
        rescoring.prune(db, before)
        schedules.prune(db, before)
    with own.session() as db:
        partitions.ensure_months(db, now.date(), own.settings.upkeep.history_months)


def _expire(own: Services, now: datetime) -> None:
    """A worker that dies over a lead gives nobody up; time does."""
    owed_for = timedelta(hours=own.settings.outreach.give_up_h)
    with own.session() as db:
        deaths = outreach.expire(db, now=now, owed_for=owed_for, limit=own.settings.upkeep.batch)
        if deaths:
            bury(db, deaths)
    own.metrics.dead.inc(len(deaths))


def bundles(stranded: Sequence[unscored.Stranded]) -> Iterator[list[int]]:
    """The first time together, since most were just lost; after that alone, so that poison harms nobody else."""
    together = [lead.lead_id for lead in stranded if lead.attempts == 1]
    for start in range(0, len(together), BUNDLE):
        yield together[start : start + BUNDLE]
    for lead in stranded:
        if lead.attempts > 1:
            yield [lead.lead_id]
