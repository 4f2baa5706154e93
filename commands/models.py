from __future__ import annotations

import json
from pathlib import Path

import click

from commands.options import Whole, json_option, settings, state_dir_option
from commands.output import echo, echo_json, echo_models


@click.group(invoke_without_command=True)
@json_option
@state_dir_option
@click.pass_context
def models(ctx: click.Context, as_json: bool, state_dir: Path | None) -> None:
    """List and compare learned models, and put one in charge."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models, as_json=as_json, state_dir=state_dir)


@models.command("list")
@json_option
@state_dir_option
def list_models(as_json: bool, state_dir: Path | None) -> None:
    """Show the learned models, the newest first."""
    from commands import model_table

    rows = model_table.list_models(settings(state_dir))
    if as_json:
        echo_json(json.dumps([row._asdict() for row in rows], indent=2, default=str))
    else:
        echo(model_table.text(rows))


@models.command()
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="How many; the newest first.")
@json_option
@state_dir_option
def trainings(limit: int, as_json: bool, state_dir: Path | None) -> None:
    """Show the requested trainings and their results."""
    from commands import training_follower

    rows = training_follower.list_trainings(settings(state_dir), limit)
    if as_json:
        echo_models(rows)
    else:
        echo(training_follower.text(rows))


@models.command()
@click.argument("version")
@json_option
@state_dir_option
def show(version: str, as_json: bool, state_dir: Path | None) -> None:
    """Show a model's card: its quality and main attributes."""
    from commands import model_table

    card = model_table.find_card(settings(state_dir), version)
    if as_json:
        echo_json(card.model_dump_json(indent=2))
    else:
        echo(model_table.card_text(version, card))


@models.command()
@click.argument("version")
@click.option("--anyway", is_flag=True, help="Promote it even if its card says that it is not ready.")
@state_dir_option
def promote(version: str, anyway: bool, state_dir: Path | None) -> None:
    """Put a model in charge of all leads that change from now on."""
    from commands import model_table

    echo(model_table.promote(settings(state_dir), version, anyway=anyway))


@models.command()
@state_dir_option
def revert(state_dir: Path | None) -> None:
    """Put the previous model, or the scorecard, in charge again."""
    from commands import model_table

    echo(model_table.revert(settings(state_dir)))
