"""A run followed in a terminal; Ctrl-C ends the following, not the run."""

from collections.abc import Iterator
from contextlib import contextmanager

from commands import run_table
from commands.output import echo
from commands.progress import progress
from pipeline.settings.loader import Settings
from schemas.run import Preview, Run, RunRequest, RunState


def begin(settings: Settings, request: RunRequest, *, wait: bool) -> Run:
    run, is_worked_on = run_table.begin(settings, request)
    with _detach_on_interrupt(run.id):
        if not run.leads_total:
            echo("no lead meets the filter; there is nothing to do", err=True)
        elif not is_worked_on:
            echo("no worker takes the queue `rescoring` at this moment; the run waits for one", err=True)
        if run.state != RunState.RUNNING or not wait:
            return run
        return _follow(settings, run)


def follow(settings: Settings, run_id: int) -> Run:
    run = run_table.show(settings, run_id)
    with _detach_on_interrupt(run.id):
        return _follow(settings, run)


def preview(settings: Settings, request: RunRequest) -> Preview:
    with progress("previewing", run_table.leads_in_scope(settings)) as step:
        return run_table.preview(settings, request, step)


def _follow(settings: Settings, run: Run) -> Run:
    done = 0
    with progress(f"run {run.id}", run.leads_total) as step:

        def show_step(current: Run) -> None:
            nonlocal done
            step(current.leads_done - done)
            done = current.leads_done

        return run_table.follow(settings, int(run.id), show_step)


@contextmanager
def _detach_on_interrupt(run_id: str) -> Iterator[None]:
    """Says on Ctrl-C that the run continues, and how to follow or cancel it."""
    try:
        yield
    except KeyboardInterrupt:
        message = f"run {run_id} goes on; follow it with `service6 runs show {run_id} --wait`"
        echo(f"\n{message}, stop it with `service6 runs cancel {run_id}`", err=True)
        raise
