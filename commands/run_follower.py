"""A run followed in a terminal: a bar, or a line now and then; whoever stops looking does not stop the run."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from commands import run_table
from commands.progress import progress
from pipeline.settings.loader import Settings
from schemas.run import Preview, Run, RunRequest, RunState


def begin(settings: Settings, asked: RunRequest, *, wait: bool) -> Run:
    run, is_worked_on = run_table.begin(settings, asked)
    with _left_alone(run.id):
        if not run.leads_total:
            click.echo("no lead meets the filter; there is nothing to do", err=True)
        elif not is_worked_on:
            click.echo("no worker takes the queue `rescoring` at this moment; the run waits for one", err=True)
        if run.state != RunState.RUNNING or not wait:
            return run
        return _follow(settings, run)


def follow(settings: Settings, run_id: int) -> Run:
    run = run_table.show(settings, run_id)
    with _left_alone(run.id):
        return _follow(settings, run)


def preview(settings: Settings, asked: RunRequest) -> Preview:
    with progress("looking", run_table.leads_in_scope(settings)) as step:
        return run_table.preview(settings, asked, step)


def _follow(settings: Settings, run: Run) -> Run:
    done = 0
    with progress(f"run {run.id}", run.leads_total) as step:

        def told(now: Run) -> None:
            nonlocal done
            step(now.leads_done - done)
            done = now.leads_done

        return run_table.follow(settings, int(run.id), told)


@contextmanager
def _left_alone(run_id: str) -> Iterator[None]:
    """A Ctrl-C within ends the looking, and says how to look again."""
    try:
        yield
    except KeyboardInterrupt:
        told = f"run {run_id} goes on; follow it with `service6 runs show {run_id} --wait`"
        click.echo(f"\n{told}, stop it with `service6 runs cancel {run_id}`", err=True)
        raise
