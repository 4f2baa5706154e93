from __future__ import annotations

from pathlib import Path

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.command()
@click.argument("lead", metavar="ID")
@json_option
@state_dir_option
def score(lead: str, as_json: bool, state_dir: Path | None) -> None:
    """Show a lead's score and what it is made of.

    ID is the lead's number, or the id that it has in its own system; SOURCE:ID where several have the same.
    """
    from commands import score_sheet

    found = score_sheet.find(settings(state_dir), lead)
    if as_json:
        echo_json(found.model_dump_json(indent=2))
    else:
        echo(score_sheet.text(found))
