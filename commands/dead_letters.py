from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import LARGEST_ID, Command, Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.dead_letter import DeadLetterResolution


def dead_letter_arguments(command: Command) -> Command:
    """Adds the ids, `--all`, `--json` and `--state-dir`."""
    command = json_option(state_dir_option(command))
    command = click.option("--all", "every", is_flag=True, help="All dead letters.")(command)
    return click.argument("ids", metavar="[ID]...", nargs=-1, type=Whole(1, LARGEST_ID))(command)


@click.group("dead-letters", invoke_without_command=True)
@json_option
@state_dir_option
@click.pass_context
def dead_letters(ctx: click.Context, as_json: bool, state_dir: Path | None) -> None:
    """List, replay or discard work whose last attempt failed."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_dead_letters, as_json=as_json, state_dir=state_dir)


@dead_letters.command("list")
@click.option("--limit", type=Whole(1, 10_000), default=50, show_default=True, help="How many; the newest first.")
@json_option
@state_dir_option
def list_dead_letters(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the newest; --json includes the complete error of each."""
    from commands import dead_letter_table

    rows = dead_letter_table.list_dead_letters(settings(state_dir), limit)
    if as_json:
        echo_models(rows)
    else:
        echo(dead_letter_table.text(rows))


@dead_letters.command()
@dead_letter_arguments
def replay(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Try the work again, with all its attempts."""
    from commands import dead_letter_table

    _show(dead_letter_table.replay(settings(state_dir), _chosen(ids, every)), as_json)


@dead_letters.command()
@dead_letter_arguments
def discard(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Discard them for good; a lead is scored again when it changes."""
    from commands import dead_letter_table

    _show(dead_letter_table.discard(settings(state_dir), _chosen(ids, every)), as_json)


def _show(settled: Sequence[DeadLetterResolution], as_json: bool) -> None:
    from commands import dead_letter_table

    if as_json:
        echo_models(settled)
    else:
        echo(dead_letter_table.summary(settled))


def _chosen(ids: tuple[int, ...], every: bool) -> tuple[int, ...]:
    if bool(ids) == every:
        raise click.UsageError("give the ids of dead letters, or --all")
    return ids
