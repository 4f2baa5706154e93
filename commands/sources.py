from __future__ import annotations

import json
from pathlib import Path

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.group()
def sources() -> None:
    """Examine the sources that leads come from."""


@sources.command("show")
@click.argument("name")
@json_option
@state_dir_option
def show(name: str, as_json: bool, state_dir: Path | None) -> None:
    """Show a source's fields and doubtful values.

    What each field becomes, how numbers and dates are written, and how many values could not be read.

    \b
    service6 sources show hubspot
    """
    from commands import source_sheet

    sheet = source_sheet.source_sheet(settings(state_dir), name)
    if as_json:
        echo_json(json.dumps(sheet.as_dict(), indent=2))
    else:
        echo(source_sheet.text(sheet))
