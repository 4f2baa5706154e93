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
    """Show a lead's score and its factors.

    ID is the lead's number or its id at the vendor; use SOURCE:ID where several sources have the same id.
    """
    from commands import score_sheet

    detail = score_sheet.find(settings(state_dir), lead)
    if as_json:
        echo_json(detail.model_dump_json(indent=2))
    else:
        echo(score_sheet.text(detail))
