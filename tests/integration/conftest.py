"""Services in this process."""

from collections.abc import Iterator

import kombu.pools
import pytest

from pipeline.settings import Settings
from pipeline.wiring import Services
from tasks import app as tasks_app
from tests.serving import services


@pytest.fixture
def own(settings: Settings) -> Iterator[Services]:
    with services(settings) as made:
        yield made


@pytest.fixture
def celery(own: Services) -> Iterator[Services]:
    """Tasks can be called and enqueued in this process."""
    tasks_app.connect(own.settings)
    tasks_app.serve(own)
    yield own
    # The app keeps connections to the broker that it met first.
    kombu.pools.reset()
    tasks_app.app._after_fork()
