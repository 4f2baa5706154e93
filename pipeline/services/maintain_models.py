"""Outcomes are judged, trainings are requested where enough outcomes came in, and the champion is watched."""

from datetime import datetime

from pipeline import task_calls
from pipeline.services import model_monitoring, request_training
from pipeline.storage.models import outcomes, trainings
from pipeline.storage.operations import dead_letters
from pipeline.storage.platform.after_commit import enqueue
from pipeline.task_calls import TRAIN_MODEL
from pipeline.wiring import Services


def maintain_trainings(services: Services, now: datetime) -> None:
    """Judges outcomes, requests a training where enough came in, and enqueues the one that is due."""
    model_monitoring.check_artefact(services, now)
    with services.session() as db:
        outcomes.judge(db, services.settings.upkeep.batch)
        deaths = trainings.abandon_exhausted(db, now=now, most=services.settings.learning.max_attempts)
        if deaths:
            dead_letters.add(db, task=TRAIN_MODEL, failures=deaths)
    services.metrics.dead.inc(len(deaths))
    hints = services.outcomes.read()
    if hints:
        with services.session() as db:
            request_training.request_if_due(db, services.settings.learning.outcomes)
        services.outcomes.acknowledge(hints)
    if services.redis.llen("learning"):
        return
    with services.session() as db:
        due = trainings.due(db, now)
        if due is not None:
            enqueue(db, task_calls.train_model(due))


def watch_champion(services: Services, now: datetime) -> None:
    """Looks at the model in charge, and counts the outcomes of which no hint came."""
    model_monitoring.check_champion(services, now)
    with services.session() as db:
        request_training.request_if_due(db, services.settings.learning.outcomes)
