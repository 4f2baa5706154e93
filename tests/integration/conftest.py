"""Services in this process."""

from collections.abc import Iterator

import pytest

from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tests.support.serving import in_this_process, open_services


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    # Short, so that a test that fails while one session waits for another ends soon.
    database = settings.database.model_copy(update={"statement_timeout_s": 15})
    with open_services(settings.model_copy(update={"database": database})) as made:
        yield made


@pytest.fixture
def celery(services: Services) -> Iterator[Services]:
    """Tasks can be called and enqueued in this process."""
    with in_this_process(services):
        yield services
