"""Delays grow, stay within their bound, and differ."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.outbound.backoff import SPREAD, backoff_delay

FIRST, LONGEST = timedelta(seconds=10), timedelta(hours=8)


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_shorter_than_the_first_nor_longer_than_the_longest(attempt: int, jitter: float) -> None:
    waits = backoff_delay(attempt, jitter, first=FIRST, longest=LONGEST)
    assert FIRST * (1 - SPREAD) <= waits <= LONGEST * (1 + SPREAD)


def test_over_72_hours_it_is_tried_more_than_ten_times() -> None:
    tries, waited = 1, timedelta()
    while (waited := waited + backoff_delay(tries, 0.5, first=FIRST, longest=LONGEST)) < timedelta(hours=72):
        tries += 1
    assert tries == 15
