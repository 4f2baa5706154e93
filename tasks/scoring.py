"""Queue `scoring`: batches of leads that have changed."""

from typing import Any

from pipeline import task_calls
from pipeline.services import score_leads as service
from tasks.app import app, current_services


@app.task(name=task_calls.SCORE_LEADS, bind=True)
def score_leads(self: Any, lead_ids: list[int]) -> None:
    """Scores those that still need it."""
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    service.score_leads(current_services(), lead_ids, redelivered=redelivered)
