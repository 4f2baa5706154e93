"""The services of one command."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.settings.loader import Settings
from pipeline.wiring import Services


@contextmanager
def command_services(settings: Settings) -> Iterator[Services]:
    """Services that are closed at the end of the context, with metrics that nobody scrapes."""
    services = Services(settings, Metrics(CollectorRegistry()))
    try:
        yield services
    finally:
        services.close()
