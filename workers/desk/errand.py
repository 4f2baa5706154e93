"""Services for one command."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.settings import Settings
from pipeline.wiring import Services


@contextmanager
def errand(settings: Settings) -> Iterator[Services]:
    """Closed at its end; nobody scrapes its metrics."""
    own = Services(settings, Metrics(CollectorRegistry()))
    try:
        yield own
    finally:
        own.close()
