from __future__ import annotations

from pathlib import Path

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.group()
def webhooks() -> None:
    """Examine what CRMs send."""


@webhooks.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of the source whose webhook it is.")
@json_option
@state_dir_option
def try_(file: Path, source: str, as_json: bool, state_dir: Path | None) -> None:
    """Show the leads that a webhook's body would become.

    Stores nothing, and needs no signature.

    \b
    service6 webhooks try saved-body.json --source hubspot
    """
    from commands import webhook_trial

    trials = webhook_trial.attempt(settings(state_dir), file, source)
    if as_json:
        echo_json(webhook_trial.as_json(trials))
    else:
        echo(webhook_trial.text(trials))
