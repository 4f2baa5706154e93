"""What the benchmarks compare with: Celery as the tutorial starts it. One lead a task, one commit a task."""

from datetime import UTC, datetime

from celery import Celery

from pipeline.settings import loader
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services

app = Celery("naive")
_services: list[Services] = []

app.conf.broker_url = loader.load().redis.url.get_secret_value() or None


def naive_services() -> Services:
    if not _services:
        _services.append(Services(loader.load()))
    return _services[0]


@app.task
def score_lead(lead_id: int) -> None:
    services = naive_services()
    champion = services.champion
    with services.session() as db:
        rows = champion.scorer.score(lead_rows.waiting(db, [lead_id]), datetime.now(UTC))
        score_writes.save(db, rows, model_id=champion.model_id, reason="naive")
