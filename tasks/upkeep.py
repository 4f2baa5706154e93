"""Queue `upkeep`: what is done by the clock. Beat only ticks; what is due are rows."""

from datetime import UTC, datetime

from pipeline.redis_store import worker_heartbeat
from pipeline.services import maintain_models, maintain_outbound, reread_leads
from pipeline.services import prune as pruning
from pipeline.services.maintain_runs import maintain_runs
from pipeline.services.requeue_leads import requeue_leads
from tasks.app import app, current_services


@app.task(name="upkeep.sweep")
def sweep() -> None:
    """Enqueues leads whose message was lost."""
    services = current_services()
    worker_heartbeat.beat_tick(services.redis)
    requeue_leads(services, datetime.now(UTC))


@app.task(name="upkeep.call_out")
def call_out() -> None:
    """Enqueues calls for the CRMs that are owed something."""
    maintain_outbound.enqueue_due(current_services(), datetime.now(UTC))


@app.task(name="upkeep.keep_runs")
def keep_runs() -> None:
    """Begins the runs that are due, fails those that are stuck, and sends lost messages again."""
    maintain_runs(current_services(), datetime.now(UTC))


@app.task(name="upkeep.keep_trainings")
def keep_trainings() -> None:
    """Judges outcomes, and requests and enqueues trainings."""
    maintain_models.maintain_trainings(current_services(), datetime.now(UTC))


@app.task(name="upkeep.watch")
def watch_champion() -> None:
    """Checks the model in charge."""
    maintain_models.watch_champion(current_services(), datetime.now(UTC))


@app.task(name="upkeep.reread")
def reread() -> None:
    """Reads leads again that an earlier version read."""
    reread_leads.reread_leads(current_services(), datetime.now(UTC), batches=reread_leads.BATCHES)


@app.task(name="upkeep.prune")
def prune() -> None:
    """Deletes what is old, and makes partitions ahead."""
    pruning.prune(current_services(), datetime.now(UTC))
