"""Computes when to try again: later each time, and never at the same moment as all others."""

from datetime import timedelta

GROWTH = 4.0
SPREAD = 0.2  # of a delay, to either side


def backoff_delay(attempt: int, jitter: float, *, first: timedelta, longest: timedelta) -> timedelta:
    """The delay after this attempt (counted from 1); `jitter` is a random number in [0, 1)."""
    grown = min(first.total_seconds() * GROWTH ** min(attempt - 1, 20), longest.total_seconds())
    return timedelta(seconds=grown * (1 + SPREAD * (2 * jitter - 1)))
