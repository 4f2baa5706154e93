"""Tells Celery of many leads at once, in messages of a size that a worker can share out."""

from collections.abc import Sequence

from kombu.exceptions import OperationalError

from tasks.app import enqueue_leads
from tasks.scoring import score_leads


def enqueue_batches(lead_ids: Sequence[int], size: int) -> bool:
    """False if Redis is away: the leads are owed, so upkeep will enqueue them."""
    try:
        for start in range(0, len(lead_ids), size):
            enqueue_leads(score_leads, lead_ids[start : start + size])
    except (OperationalError, OSError):
        return False
    return True
