"""How far long work is: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

LINE_EVERY_S = 5.0

Step = Callable[[int], None]


@contextmanager
def progress(label: str, total: int) -> Iterator[Step]:
    """Call what it yields with how many more are done. All goes to standard error, which no pipe reads."""
    if sys.stderr.isatty():
        pace = Pace()
        with click.progressbar(
            length=total, label=label, file=sys.stderr, show_pos=True, item_show_func=pace.shown
        ) as bar:
            yield lambda more: bar.update(more, pace.count(more))
    else:
        yield _lines(label, total)


class Pace:
    """How many are done, and how many a second since it was made."""

    def __init__(self) -> None:
        self.done = 0
        self._began = time.monotonic()

    @property
    def a_second(self) -> float:
        return self.done / max(time.monotonic() - self._began, 1e-3)

    def count(self, more: int) -> "Pace":
        self.done += more
        return self

    def shown(self, _: object) -> str:
        return f"{self.a_second:,.0f}/s"


def _lines(label: str, total: int) -> Step:
    pace = Pace()
    told_at = time.monotonic()

    def step(more: int) -> None:
        nonlocal told_at
        pace.count(more)
        if time.monotonic() - told_at >= LINE_EVERY_S:
            told_at = time.monotonic()
            left_s = (total - pace.done) / max(pace.a_second, 1e-3)
            click.echo(f"{label}: {pace.done:,} of {total:,}, {pace.shown(None)}, {left_s:,.0f} s left", err=True)

    return step
