"""Services for one command."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.settings.loader import Settings
from pipeline.wiring import Services


@contextmanager
def command_services(settings: Settings) -> Iterator[Services]:
    """Closed at its end; nobody scrapes its metrics."""
    services = Services(settings, Metrics(CollectorRegistry()))
    try:
        yield services
    finally:
        services.close()
