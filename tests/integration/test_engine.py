"""Whose fault an error of PostgreSQL is decides whether a vendor sends the webhook again."""

import pytest
from sqlalchemy import text

from pipeline.errors import GiveUp, TryAgain
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tests.support.serving import open_services

WITHOUT_VERSION = "INSERT INTO model_versions (version) VALUES (NULL)"


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", WITHOUT_VERSION])
def test_refused_values_are_the_senders_fault(services: Services, statement: str) -> None:
    with pytest.raises(GiveUp), services.session() as db:
        db.execute(text(statement))


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM of_the_next_migration", "SET TRANSACTION READ ONLY; DELETE FROM outbox"]
)
def test_a_server_that_is_not_fit_is_nobodys_fault(services: Services, statement: str) -> None:
    with pytest.raises(TryAgain), services.session() as db:
        db.execute(text(statement))


def test_a_server_without_tls_is_refused_where_tls_is_required(settings: Settings) -> None:
    database = settings.database.model_copy(update={"ssl_mode": "require"})
    encrypted = settings.model_copy(update={"database": database})
    with open_services(encrypted) as services, pytest.raises(TryAgain), services.session() as db:
        db.execute(text("SELECT 1"))
