"""A progress bar on a terminal, drawn by rich: loaded only where there is a terminal to draw on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

REFRESHES_A_SECOND = 4.0


class CountColumn(ProgressColumn):
    """The number of finished items, of all items, and of items a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed or 0.0
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f}, {speed:,.0f}/s")


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with the number of newly finished items. Obeys NO_COLOR."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        refresh_per_second=REFRESHES_A_SECOND,
        # The command's own output goes through commands.output, and must not be read as markup.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        yield partial(bar.advance, bar.add_task(label, total=total))
