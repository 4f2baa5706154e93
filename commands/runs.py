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
@click.option("--limit", type=Whole(1, 1000), default=20, show_default=True, help="How many; the newest first.")
@json_option
@state_dir_option
@click.pass_context
def runs(ctx: click.Context, limit: int, as_json: bool, state_dir: Path | None) -> None:
    """List, show, pause, resume, cancel or retry rescoring runs."""
    if ctx.invoked_subcommand is not None:
        return
    from commands import run_table

    rows = run_table.list_runs(settings(state_dir), limit)
    if as_json:
        echo_models(rows)
    else:
        echo(run_table.table(rows))


@runs.command()
@click.argument("run", type=Whole(1, LARGEST_ID))
@click.option("--wait", is_flag=True, help="Wait for the end of the run.")
@json_option
@state_dir_option
def show(run: int, wait: bool, as_json: bool, state_dir: Path | None) -> None:
    """Show the progress of a run, and its error if it has failed."""
    from commands import run_follower, run_table

    configured = settings(state_dir)
    current = run_follower.follow(configured, run) if wait else run_table.show(configured, run)
    show_run(current, as_json)


def show_run(run: Run, as_json: bool) -> None:
    """Print a run; exits with status 1 if it has failed."""
    from commands import run_table
    from schemas.run import RunState

    if as_json:
        echo_json(run.model_dump_json(indent=2))
    else:
        echo(run_table.sheet(run))
    if run.state == RunState.FAILED:
        raise click.exceptions.Exit(Failed.exit_code)


def _add_action(action: RunAction, help_text: str) -> None:
    @runs.command(action, help=help_text)
    @click.argument("run", type=Whole(1, LARGEST_ID))
    @json_option
    @state_dir_option
    def act(run: int, as_json: bool, state_dir: Path | None) -> None:
        from commands import run_table

        show_run(run_table.apply_action(settings(state_dir), run, action), as_json)


_add_action("pause", "Pause a run once its workers have finished their steps.")
_add_action("resume", "Continue a paused run.")
_add_action("cancel", "End a run for good; the scores that it has written stay.")
_add_action("retry", "Continue a failed run, with all attempts again.")
