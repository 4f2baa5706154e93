"""Migrations that an operator starts."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from pipeline.errors import GiveUp, TryAgain
from pipeline.leads.source_mapping import hidden_delivery
from pipeline.security.vault import Vault
from pipeline.services import reread_leads
from pipeline.settings.loader import Settings
from pipeline.settings.server_urls import without_secrets
from pipeline.storage.platform import migrate
from workers.command_services import command_services


def upgrade(settings: Settings) -> list[str]:
    """The revisions applied, oldest first. Raises TryAgain if PostgreSQL is away, GiveUp if a migration fails."""
    try:
        return migrate.upgrade(settings.database_url, hide=_hide(settings))
    except CommandError as error:
        raise GiveUp(f"the database was migrated by another version of Service 6: {error}") from error
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "pgcode", None) is None:
            raise TryAgain(f"PostgreSQL does not answer at {_where(settings)}") from error
        raise GiveUp(f"PostgreSQL refused the migration: {str(error.orig).strip().splitlines()[0]}") from error


def older_leads(settings: Settings) -> int:
    """How many leads an earlier version read."""
    with command_services(settings) as services:
        return reread_leads.older_leads(services)


def reread(settings: Settings, step: Callable[[int], None]) -> None:
    """Reads them again; whoever stops it goes on where it stopped."""
    with command_services(settings) as services:
        reread_leads.reread_leads(services, datetime.now(UTC), step=step)


def _hide(settings: Settings) -> Callable[[str], str] | None:
    keys = settings.secret_key.get_secret_value().split()
    return partial(hidden_delivery, Vault(keys)) if keys else None


def _where(settings: Settings) -> str:
    return without_secrets(settings.database_url)
