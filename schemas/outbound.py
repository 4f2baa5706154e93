"""What is owed outward: a lead's newest score to whoever is told of it."""

from typing import NamedTuple


class WriteBack(NamedTuple):
    """`score` is rounded as it is sent; `body` the whole event, for a receiver of webhooks. No personal data."""

    lead_id: int
    external_id: str
    rev: int
    score: float
    tier: str
    body: str | None
    attempts: int = 0
