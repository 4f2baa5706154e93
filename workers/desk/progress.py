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
        with click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True) as bar:
            yield bar.update
    else:
        yield _lines(label, total)


def _lines(label: str, total: int) -> Step:
    done = 0
    told_at = time.monotonic()

    def step(more: int) -> None:
        nonlocal done, told_at
        done += more
        if time.monotonic() - told_at >= LINE_EVERY_S:
            told_at = time.monotonic()
            click.echo(f"{label}: {done:,} of {total:,}", err=True)

    return step
