from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import LARGEST_ID, Command, Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.dead_letter import DeadLetterResolution


def letter_arguments(command: Command) -> Command:
    """Which dead letters, and how to answer."""
    command = json_option(state_dir_option(command))
    command = click.option("--all", "every", is_flag=True, help="All there are.")(command)
    return click.argument("ids", metavar="[ID]...", nargs=-1, type=Whole(1, LARGEST_ID))(command)


@click.group("dead-letters", invoke_without_command=True)
@json_option
@state_dir_option
@click.pass_context
def dead_letters(ctx: click.Context, as_json: bool, state_dir: Path | None) -> None:
    """Work whose last attempt failed: list, replay, discard it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_letters, as_json=as_json, state_dir=state_dir)


@dead_letters.command("list")
@click.option("--limit", type=Whole(1, 10_000), default=50, show_default=True, help="The newest so many.")
@json_option
@state_dir_option
def list_letters(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the newest; with --json each with its whole error."""
    from commands import dead_letter_table

    found = dead_letter_table.look(settings(state_dir), limit)
    if as_json:
        echo_models(found)
    else:
        echo(dead_letter_table.text(found))


@dead_letters.command()
@letter_arguments
def replay(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Try again: the leads wait for a score with all their attempts."""
    from commands import dead_letter_table

    _show(dead_letter_table.replay(settings(state_dir), _chosen(ids, every)), as_json)


@dead_letters.command()
@letter_arguments
def discard(ids: tuple[int, ...], every: bool, as_json: bool, state_dir: Path | None) -> None:
    """Give up for good: the leads are scored again when they change."""
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
        raise click.UsageError("name the dead letters by their ids, or all of them with --all")
    return ids
