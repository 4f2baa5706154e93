"""The progress of long work: a bar on a terminal, a line every few seconds elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commands.output import echo

LINE_EVERY_S = 5.0

Step = Callable[[int], None]


@contextmanager
def progress(label: str, total: int) -> Iterator[Step]:
    """Yields a function to call with the number of newly finished items. Prints to standard error only."""
    if _draws():
        from commands.progress_bar import progress_bar

        with progress_bar(label, total) as step:
            yield step
    else:
        yield _lines(label, total)


def _draws() -> bool:
    """Whether a line on standard error can be drawn again."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _lines(label: str, total: int) -> Step:
    began = printed_at = time.monotonic()
    done = 0

    def step(more: int) -> None:
        nonlocal done, printed_at
        done += more
        now = time.monotonic()
        if now - printed_at >= LINE_EVERY_S:
            printed_at = now
            rate = max(done / (now - began), 1e-3)
            left_s = (total - done) / rate
            echo(f"{label}: {done:,} of {total:,}, {rate:,.0f}/s, {left_s:,.0f} s left", err=True)

    return step
