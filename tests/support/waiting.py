"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within_s: float = 30.0, every_s: float = 0.02) -> T:
    """The first result of `look` that is true; an AssertionError with the last one if none is in time.

    An AssertionError that `look` raises counts as not yet, so that it may hold plain asserts.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            seen: object = look()
        except AssertionError as error:
            seen = error
        else:
            if seen:
                return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s; the last look: {seen!r}")
        time.sleep(every_s)
