"""Messages that tell the workers of a run."""

from datetime import UTC, datetime

from pipeline.storage.runs import run_slices
from pipeline.wiring import Services
from tasks.app import enqueue_id
from tasks.rescoring import rescore


def enqueue_slices(services: Services, run_id: int) -> None:
    """As many messages as there are slices to take, a window of them at most: each brings the next."""
    with services.reading() as db:
        count = run_slices.available(db, run_id, datetime.now(UTC), services.settings.rescoring.window)
    for _ in range(count):
        enqueue_id(rescore, "run", run_id)
