"""Queue `outbound`: calls to CRMs. A message names a source; what is owed there are rows."""

from pipeline import task_calls
from pipeline.services import fetch_back as fetch_service
from pipeline.services import write_back as write_service
from pipeline.settings.sources import Target
from tasks.app import app, current_services


@app.task(name=task_calls.WRITE_BACK)
def write_back(source: str, target: Target) -> None:
    """Sends the target the scores that it is owed."""
    write_service.write_back(current_services(), source, target)


@app.task(name=task_calls.FETCH_BACK)
def fetch_back(source: str) -> None:
    """Asks the CRM for the records that are due."""
    fetch_service.fetch_back(current_services(), source)
