from __future__ import annotations

from pathlib import Path

import click

from commands.options import settings, state_dir_option
from commands.output import echo


@click.group()
def db() -> None:
    """Manage the schema of the database."""


@db.command("upgrade")
@state_dir_option
def upgrade(state_dir: Path | None) -> None:
    """Migrate the database to the newest schema; `up` does it too."""
    from commands import schema_checks
    from commands.progress import progress

    found = settings(state_dir)
    applied = schema_checks.upgrade(found)
    echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")
    older = schema_checks.older_leads(found)
    if older:
        with progress("reading leads again", older) as step:
            schema_checks.reread(found, step)
