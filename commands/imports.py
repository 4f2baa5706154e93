from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json


@click.group("import")
def import_() -> None:
    """Import data of other systems."""


@import_.command("leads")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of the system that the leads come from.")
@click.option("--id", "id_", required=True, metavar="COLUMN", help="Column with the lead's id in that system.")
@click.option("--outcome", metavar="COLUMN", help="Column with the outcome of the lead.")
@click.option("--won", metavar="VALUE", help="Value in that column for a won lead; any other means lost.")
@click.option("--created", metavar="COLUMN", help="Column with the time at which the row was true.  [default: now]")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Column to leave out; repeatable.")
@json_option
@state_dir_option
def leads(
    file: Path,
    source: str,
    id_: str,
    outcome: str | None,
    won: str | None,
    created: str | None,
    drop: tuple[str, ...],
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Import leads from a CSV file (UTF-8; the separator is detected).

    New leads are saved, known leads are changed where the row is newer; importing the same file twice changes
    nothing. Rejected rows go to FILE.rejects.csv with the reason. Drop columns that reveal the outcome: a new lead
    has no values for them.

    \b
    service6 import leads leads.csv --source crm --id "Prospect ID" --outcome Converted --won 1 --drop Tags
    """
    if (outcome is None) != (won is None):
        raise click.UsageError("--outcome and --won belong together")
    from commands.progress import progress
    from pipeline.importing.csv_rows import Layout
    from workers.importer import importer

    layout = Layout(id_, outcome, won, created, drop)
    opened = importer.open_file(settings(state_dir), file, source=source, layout=layout)
    with opened as work, progress("importing", work.survey()) as step:
        counts = work.run(step)
    if as_json:
        echo_json(json.dumps(asdict(counts), indent=2))
    else:
        echo(importer.summary(counts, work))
