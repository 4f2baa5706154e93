from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import json_option, settings, state_dir_option
from commands.output import echo, echo_json

if TYPE_CHECKING:
    from workers.importer.importer import Counts, Importer

SOURCE_HELP = "Name of the system that the leads come from."
ID_HELP = "Column with the lead's id in that system; several are hashed together into one id."
ROW_HELP = "Hash the whole row into the id, for a file without one: a row that changes later becomes a new lead."
WON_HELP = "Value in that column for a won lead; any other means lost. Case does not count, and 1 takes 1.0."
YES_HELP = "Import even if all leads were won, or all lost."
CREATED_HELP = "Column with the time at which the row was true.  [default: now]"
DROP_HELP = "Column to leave out; repeatable."


@click.group("import")
def import_() -> None:
    """Import data of other systems."""


@import_.command("leads")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help=SOURCE_HELP)
@click.option("--id", "ids", multiple=True, metavar="COLUMN", help=ID_HELP)
@click.option("--id-from-row", is_flag=True, help=ROW_HELP)
@click.option("--outcome", metavar="COLUMN", help="Column with the outcome of the lead.")
@click.option("--won", metavar="VALUE", help=WON_HELP)
@click.option("--yes", is_flag=True, help=YES_HELP)
@click.option("--created", metavar="COLUMN", help=CREATED_HELP)
@click.option("--drop", multiple=True, metavar="COLUMN", help=DROP_HELP)
@json_option
@state_dir_option
def leads(
    file: Path,
    source: str,
    ids: tuple[str, ...],
    id_from_row: bool,
    outcome: str | None,
    won: str | None,
    yes: bool,
    created: str | None,
    drop: tuple[str, ...],
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Import leads from a CSV file.

    FILE is in UTF-8, UTF-16 or UTF-32, may be packed by gzip or zip, and may be a pipe; the separator is detected.
    New leads are saved, known leads are changed where the row is newer; importing the same file twice changes nothing.
    Rejected rows go to FILE.rejects.csv with the reason. Drop columns that reveal the outcome: a new lead has no values
    for them.

    \b
    service6 import leads leads.csv --source crm --id "Prospect ID" --outcome Converted --won 1 --drop Tags
    """
    if (outcome is None) != (won is None):
        raise click.UsageError("--outcome and --won belong together")
    if bool(ids) == id_from_row:
        raise click.UsageError("name the columns of the id with --id, or take the whole row with --id-from-row")
    from pipeline.errors import GiveUp
    from pipeline.importing.csv_rows import Layout
    from workers.importer.importer import open_file
    from workers.importer.summary import notes, summary

    kept = "nothing is saved"
    try:
        with open_file(
            settings(state_dir), file, source=source, layout=Layout(ids, outcome, won, created, drop)
        ) as work:
            try:
                counts = _imported(work, yes=yes)
            finally:
                kept = work.kept()
    except KeyboardInterrupt:
        echo(f"service6: interrupted; {kept}", err=True)
        raise
    if said := notes(work):
        echo(said, err=as_json)
    if as_json:
        echo_json(json.dumps(asdict(counts), indent=2))
    else:
        echo(summary(counts, work))
    if counts.read and counts.rejected == counts.read:
        raise GiveUp(f"all rows were rejected; {work.rejects} says why")


def _imported(work: Importer, *, yes: bool) -> Counts:
    from commands.progress import progress

    rows = work.survey()
    _check_outcomes(work, yes=yes)
    with progress("importing", rows) as step:
        return work.run(step)


def _check_outcomes(work: Importer, *, yes: bool) -> None:
    """Prints what the outcome column says; asks where one of both outcomes does not occur."""
    from pipeline.errors import GiveUp
    from pipeline.printable import printable

    outcomes = work.rows.outcomes
    if outcomes is None:
        return
    for line in outcomes.explained():
        echo(printable(line), err=True)
    one_sided = outcomes.one_sided()
    if one_sided is None or yes:
        return
    if not sys.stdin.isatty():
        raise GiveUp(f"{one_sided}; nothing is saved: correct --won, or add --yes if that is right")
    try:
        goes_on = click.confirm(printable(f"{one_sided}. Import all the same?"), err=True)
    except click.Abort:  # Ctrl-C
        raise KeyboardInterrupt from None
    if not goes_on:
        raise GiveUp("nothing is saved")
