"""Rescoring runs as a test hands them to workers."""

from pipeline.services.run_actions import enqueue_slices
from pipeline.wiring import Services


def dispatch(services: Services, run_id: int) -> None:
    with services.session() as db:
        enqueue_slices(db, run_id, services.settings.rescoring.window)
