from __future__ import annotations

import json
from pathlib import Path

import click

from commands.group import Failed
from commands.options import json_option, state_dir_option
from commands.output import echo, echo_json


@click.command()
@json_option
@state_dir_option
def doctor(as_json: bool, state_dir: Path | None) -> None:
    """Check servers, processes, settings; say how to mend them.

    Exits with status 1 if anything is bad; a warning is no failure.
    """
    from commands import diagnosis

    findings = diagnosis.examine(state_dir.resolve() if state_dir else None)
    if as_json:
        echo_json(json.dumps(diagnosis.as_json(findings), indent=2))
    else:
        echo(diagnosis.report(findings))
    if not diagnosis.is_well(findings):
        raise click.exceptions.Exit(Failed.exit_code)
