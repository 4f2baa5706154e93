from __future__ import annotations

import json
from pathlib import Path

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.command()
@json_option
@state_dir_option
def queues(as_json: bool, state_dir: Path | None) -> None:
    """Show waiting and running messages, and leads without a score."""
    from commands import queue_table

    work = queue_table.work_state(settings(state_dir))
    if as_json:
        echo_json(json.dumps(work.as_dict(), indent=2))
    else:
        echo(queue_table.text(work))
