"""Old delivery ids, answers, timeline entries and runs are deleted, and next months' history partitions are made."""

from datetime import datetime, timedelta

from pipeline.services import maintain_outbound
from pipeline.storage.leads import deliveries, timeline
from pipeline.storage.operations import idempotency_keys, schedules
from pipeline.storage.runs import rescore_runs
from pipeline.storage.scores import partitions
from pipeline.wiring import Services


def prune(services: Services, now: datetime) -> None:
    """Several transactions, so that none holds its locks for long."""
    with services.session() as db:
        deliveries.prune(db, now - timedelta(days=services.settings.upkeep.delivery_days))
        idempotency_keys.prune(db, now)
    if services.settings.calls_out:
        maintain_outbound.expire(services, now)
    with services.session() as db:
        timeline.prune(db, now - timedelta(days=services.settings.upkeep.timeline_days))
    with services.session() as db:
        before = now - timedelta(days=services.settings.rescoring.kept_days)
        rescore_runs.prune(db, before)
        schedules.prune(db, before)
    with services.session() as db:
        partitions.ensure_months(db, now.date(), services.settings.upkeep.history_months)
