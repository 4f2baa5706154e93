"""Queue `rescoring`: slices of rescoring runs."""

from pipeline import task_calls
from pipeline.services.rescore_slice import rescore_slice
from tasks.app import app, current_services


@app.task(name=task_calls.RESCORE)
def rescore(run_id: int) -> None:
    """Does the next free slice of the run."""
    rescore_slice(current_services(), run_id)
