"""A score that is due at a target."""

from typing import NamedTuple


class WriteBack(NamedTuple):
    """A lead's newest score for a target, rounded as it is sent; `body`: the event for a webhook. No personal data."""

    lead_id: int
    external_id: str
    rev: int
    score: float
    tier: str
    body: str | None
    attempts: int = 0
