"""What the benchmarks compare with: Celery as the tutorial starts it. One lead a task, one commit a task."""

from datetime import UTC, datetime

from celery import Celery

from pipeline import settings
from pipeline.storage import leads, scores
from pipeline.wiring import Services

app = Celery("naive")
_services: list[Services] = []

app.conf.broker_url = settings.load().redis.url.get_secret_value() or None


def services() -> Services:
    if not _services:
        _services.append(Services(settings.load()))
    return _services[0]


@app.task
def score_lead(lead_id: int) -> None:
    own = services()
    champion = own.champion
    with own.session() as db:
        rows = champion.scorer.score(leads.waiting(db, [lead_id]), datetime.now(UTC))
        scores.save(db, rows, model_id=champion.model_id, reason="naive")
