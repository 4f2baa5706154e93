"""A run followed in a terminal: a bar, or a line now and then; whoever stops looking does not stop the run."""

import click

from pipeline.settings import Settings
from schemas.run import Preview, Run, RunRequest, RunState
from workers.desk import run_table
from workers.desk.progress import progress


def begin(settings: Settings, asked: RunRequest, *, wait: bool) -> Run:
    run, is_worked_on = run_table.begin(settings, asked)
    if not run.leads_total:
        click.echo("no lead meets the filter; there is nothing to do", err=True)
    elif not is_worked_on:
        click.echo("no worker takes the queue `rescoring` at this moment; the run waits for one", err=True)
    if run.state != RunState.RUNNING or not wait:
        return run
    return follow(settings, int(run.id))


def follow(settings: Settings, run_id: int) -> Run:
    seen = run_table.show(settings, run_id)
    try:
        with progress(f"run {run_id}", seen.leads_total) as step:
            done = 0

            def told(run: Run) -> None:
                nonlocal done
                step(run.leads_done - done)
                done = run.leads_done

            return run_table.follow(settings, run_id, told)
    except KeyboardInterrupt:
        click.echo(
            f"\nrun {run_id} goes on; follow it with `service6 runs show {run_id} --wait`, "
            f"stop it with `service6 runs cancel {run_id}`",
            err=True,
        )
        raise


def preview(settings: Settings, asked: RunRequest) -> Preview:
    with progress("looking", run_table.leads_in_scope(settings)) as step:
        return run_table.preview(settings, asked, step)
