from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.group import Failed
from commands.options import LARGEST_ID, Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_json, echo_models

if TYPE_CHECKING:
    from schemas.run import Run, RunAction


@click.group(invoke_without_command=True)
@click.option("--limit", type=Whole(1, 1000), default=20, show_default=True, help="The newest so many.")
@json_option
@state_dir_option
@click.pass_context
def runs(ctx: click.Context, limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Rescoring runs: list, show, pause, resume, cancel, retry."""
    if ctx.invoked_subcommand is not None:
        return
    from commands import run_table

    found = run_table.look(settings(state_dir), limit)
    if as_json:
        echo_models(found)
    else:
        echo(run_table.table(found))


@runs.command()
@click.argument("run", type=Whole(1, LARGEST_ID))
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@json_option
@state_dir_option
def show(run: int, wait: bool, as_json: bool, state_dir: Path | None) -> None:
    """Show how far a run has come, and what it stumbled over."""
    from commands import run_follower, run_table

    configured = settings(state_dir)
    found = run_follower.follow(configured, run) if wait else run_table.show(configured, run)
    show_run(found, as_json)


def show_run(run: Run, as_json: bool) -> None:
    """Prints it; fails if the run has."""
    from commands import run_table
    from schemas.run import RunState

    if as_json:
        echo_json(run.model_dump_json(indent=2))
    else:
        echo(run_table.sheet(run))
    if run.state == RunState.FAILED:
        raise click.exceptions.Exit(Failed.exit_code)


def _steering(deed: RunAction, about: str) -> None:
    @runs.command(deed, help=about)
    @click.argument("run", type=Whole(1, LARGEST_ID))
    @json_option
    @state_dir_option
    def steer(run: int, as_json: bool, state_dir: Path | None) -> None:
        from commands import run_table

        show_run(run_table.steer(settings(state_dir), run, deed), as_json)


_steering("pause", "Let whoever works on it end its step; nobody begins another.")
_steering("resume", "Go on with a paused run.")
_steering("cancel", "End a run for good; what it has written stays.")
_steering("retry", "Go on with a failed run, with all attempts.")
