"""Queue `upkeep`: finds what fell through, and keeps the tables in shape. Running twice does no harm."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pipeline.services import request_training
from pipeline.services.crm_sync import QUEUE, add_dead_letters
from pipeline.services.start_run import open_scheduled, open_sweep
from pipeline.storage.leads import deliveries, timeline
from pipeline.storage.models import outcomes, trainings
from pipeline.storage.operations import dead_letters, idempotency_keys, schedules
from pipeline.storage.outbound import outbound_work
from pipeline.storage.outbound.outbound_work import FETCH
from pipeline.storage.runs import rescore_runs, run_slices
from pipeline.storage.scores import partitions, unscored
from pipeline.wiring import Services
from schemas.run import RunState
from tasks import deaths, model_monitoring, queue_depths, worker_heartbeat
from tasks.app import app, current_services, enqueue_id, enqueue_leads, enqueue_source
from tasks.learning import QUEUE as LEARNING
from tasks.learning import enqueue_training, train_model
from tasks.outbound import fetch_back, write_back
from tasks.rescoring import rescore
from tasks.run_messages import enqueue_slices
from tasks.scoring import score_leads

logger = logging.getLogger(__name__)

BATCH = 100  # leads a message, when they are enqueued again for the first time


@app.task(name="upkeep.sweep")
def sweep() -> None:
    """Enqueues leads whose message was lost; buries those whose last attempt failed.

    A lead counts as stranded once it has waited for the grace period *and* longer than the message that stands first
    in the queue: what is older than the whole queue is not in it. So a backlog is never mistaken for a loss. Nor is
    what a worker has just taken; what it has held for the grace period was tried: it is slow, or it died with its host.
    """
    services = current_services()
    upkeep = services.settings.upkeep
    now = datetime.now(UTC)
    worker_heartbeat.beat_tick(services.redis)
    queue_from = queue_depths.complete_until(services.redis, "scoring")
    grace = timedelta(seconds=upkeep.grace_s)
    held = queue_depths.held(services.redis, score_leads.name)
    taken_before = (now - grace).timestamp()
    died = deaths.noted(services.redis)
    tried = [lead for lead_ids in died for lead in lead_ids]
    tried += [lead for message in held if message.taken_at <= taken_before for lead in message.lead_ids]
    with services.session() as db:
        if tried:
            unscored.note_try(db, tried)
        stranded = unscored.claim_overdue(
            db,
            now=now,
            before=datetime.fromtimestamp(min(now.timestamp(), queue_from), UTC) - grace,
            max_attempts=upkeep.max_attempts,
            backoff=timedelta(seconds=upkeep.backoff_s),
            limit=upkeep.batch,
            running=[lead for message in held if message.taken_at > taken_before for lead in message.lead_ids],
        )
        dead = [lead.failed_work for lead in stranded if lead.dead]
        if dead:
            dead_letters.add(db, queue="scoring", task=score_leads.name, failures=dead)
    if died:
        deaths.forget(services.redis, len(died))
    for bundle in batches([lead for lead in stranded if not lead.dead]):
        enqueue_leads(score_leads, bundle)
    services.metrics.requeued.inc(len(stranded) - len(dead))
    services.metrics.dead.inc(len(dead))
    if stranded:
        logger.info("work found", extra={"enqueued": len(stranded) - len(dead), "dead": len(dead)})


@app.task(name="upkeep.call_out")
def call_out() -> None:
    """Tells the workers of outbound which CRMs are owed something, if they have taken what was told them before."""
    services = current_services()
    if services.redis.llen(QUEUE):
        return
    now = datetime.now(UTC)
    with services.reading() as db:
        told = [pair for pair in services.settings.targets if outbound_work.is_due(db, *pair, now)]
        fetched = [source for source in services.settings.fetched if outbound_work.is_due(db, source, FETCH, now)]
    for source, target in told:
        enqueue_source(write_back, source, target)
    for source in fetched:
        enqueue_source(fetch_back, source)


@app.task(name="upkeep.keep_runs")
def keep_runs() -> None:
    """Begins the runs that are due, fails those that are stuck, and brings back messages that were lost."""
    services = current_services()
    now = datetime.now(UTC)
    for name, schedule in services.settings.rescoring.schedules.items():
        open_scheduled(services, name, schedule, now)
    open_sweep(services, now)
    with services.session() as db:
        failed = run_slices.fail_exhausted(db, now=now, most=services.settings.rescoring.max_attempts)
        for run in failed:
            rescore_runs.announce(db, run)
    if failed:
        services.stream.hint()
    waiting = services.redis.llen("rescoring")
    with services.reading() as db:
        running = [int(run.id) for run in rescore_runs.active(db) if run.state == RunState.RUNNING]
        still = [run_id for run_id in running if run_slices.is_stalled(db, run_id, now)]
    for run_id in running:
        if not waiting:
            enqueue_slices(services, run_id)
        elif run_id in still and waiting < services.settings.rescoring.window * len(running):
            enqueue_id(rescore, "run", run_id)  # those that wait may all be of other runs


@app.task(name="upkeep.keep_trainings")
def keep_trainings() -> None:
    """Judges outcomes, asks for a training where enough came in, and brings back the one that is due."""
    services = current_services()
    now = datetime.now(UTC)
    model_monitoring.check_artefact(services, now)
    with services.session() as db:
        outcomes.judge(db, services.settings.upkeep.batch)
        deaths = trainings.abandon_exhausted(db, now=now, most=services.settings.learning.max_attempts)
        if deaths:
            dead_letters.add(db, queue=LEARNING, task=train_model.name, failures=deaths)
    services.metrics.dead.inc(len(deaths))
    heard = services.outcomes.read()
    if heard:
        with services.session() as db:
            request_training.request_if_due(db, services.settings.learning.outcomes)
        services.outcomes.acknowledge(heard)
    if services.redis.llen(LEARNING):
        return
    with services.reading() as db:
        due = trainings.due(db, now)
    if due is not None:
        enqueue_training(due)


@app.task(name="upkeep.watch")
def watch_champion() -> None:
    """Looks at the model in charge, and counts the outcomes of which no hint came."""
    services = current_services()
    model_monitoring.check_champion(services, datetime.now(UTC))
    with services.session() as db:
        asked = request_training.request_if_due(db, services.settings.learning.outcomes)
    if asked is not None:
        enqueue_training(asked)


@app.task(name="upkeep.prune")
def prune() -> None:
    """Forgets old delivery ids, old answers and what was told long ago, and makes next months' history partitions."""
    services = current_services()
    now = datetime.now(UTC)
    with services.session() as db:
        deliveries.prune(db, now - timedelta(days=services.settings.upkeep.delivery_days))
        idempotency_keys.prune(db, now)
    if services.settings.calls_out:
        _expire(services, now)
    with services.session() as db:
        timeline.prune(db, now - timedelta(days=services.settings.upkeep.timeline_days))
    with services.session() as db:
        before = now - timedelta(days=services.settings.rescoring.kept_days)
        rescore_runs.prune(db, before)
        schedules.prune(db, before)
    with services.session() as db:
        partitions.ensure_months(db, now.date(), services.settings.upkeep.history_months)


def _expire(services: Services, now: datetime) -> None:
    """A worker that dies over a lead gives nobody up; time does."""
    owed_for = timedelta(hours=services.settings.outbound.give_up_h)
    with services.session() as db:
        deaths = outbound_work.expire(db, now=now, owed_for=owed_for, limit=services.settings.upkeep.batch)
        if deaths:
            add_dead_letters(db, deaths)
    services.metrics.dead.inc(len(deaths))


def batches(stranded: Sequence[unscored.OverdueLead]) -> Iterator[list[int]]:
    """Those that nobody has tried together, since most were just lost; the others alone, as one may be poison."""
    together = [lead.lead_id for lead in stranded if lead.attempts == 1]
    for start in range(0, len(together), BATCH):
        yield together[start : start + BATCH]
    for lead in stranded:
        if lead.attempts > 1:
            yield [lead.lead_id]
