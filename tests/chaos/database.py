"""The database of a stack as the oracle reads it: all tables at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from pipeline.metrics import Metrics
from pipeline.security.vault import Vault
from pipeline.settings.loader import embedded_servers, load
from pipeline.storage.leads import contacts
from pipeline.wiring import Services
from schemas.score import Value
from tests.chaos.oracle import HistoryRow, Stored, StoredLead, StoredScore, TimelineRow, marks
from tests.chaos.place import Place
from tests.support.waiting import eventually

CONNECTED_S = 60.0

LEADS = """
    SELECT l.source, l.external_id, l.id, l.revision, l.attributes, l.stage, c.sealed
      FROM leads l LEFT JOIN lead_contacts c ON c.lead_id = l.id
"""
# Work that is owed for ever, or has failed for good.
LEFT = {
    "leads that wait for a score": "SELECT count(*) FROM unscored",
    "changes that are not announced": "SELECT count(*) FROM outbox",
    "calls to CRMs that are owed": "SELECT count(*) FROM outbound_work WHERE due IS NOT NULL",
    "dead letters": "SELECT count(*) FROM dead_letters",
    "runs that have not ended well": "SELECT count(*) FROM rescore_runs WHERE state NOT IN ('done', 'cancelled')",
}


# What CRMs have told, and what came of it.
TOLD = ("leads", "lead_contacts", "deliveries", "timeline", "scores", "score_history", "feature_vectors")
DIGEST = "SELECT count(*) || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') FROM {} AS t"


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    """A connection of the test's own, on which writing is allowed whatever the database's default is."""
    engine = create_engine(
        embedded_servers(place.state_dir)["DATABASE_URL"],
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": "-c default_transaction_read_only=off -c timezone=UTC", "connect_timeout": 5},
    )
    with eventually(partial(_connect, engine), within_s=CONNECTED_S, every_s=0.2) as connection:
        yield connection


def _connect(engine: Engine) -> Connection:
    """A server that was killed a moment ago is awaited."""
    try:
        return engine.connect()
    except OperationalError as error:
        raise AssertionError(str(error)) from error


def read(place: Place, vault: Vault) -> Stored:
    with connected(place) as db:
        db.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        stored = Stored(
            leads={
                (source, external_id): StoredLead(lead, revision, attributes, stage, _open(vault, lead, sealed))
                for source, external_id, lead, revision, attributes, stage, sealed in db.execute(text(LEADS))
            },
            scores={
                lead: StoredScore(*rest)
                for lead, *rest in db.execute(text("SELECT lead_id, score, tier, lead_revision, rev FROM scores"))
            },
            history=[
                HistoryRow(*row)
                for row in db.execute(text("SELECT lead_id, rev, lead_revision, score FROM score_history"))
            ],
            timeline=[
                TimelineRow(lead, received_at, marks(told))
                for lead, received_at, told in db.execute(
                    text("SELECT lead_id, received_at, told -> 'attributes' FROM timeline")
                )
            ],
            left=left(db),
        )
        db.execute(text("ROLLBACK"))
    return stored


def left(db: Connection) -> dict[str, int]:
    return {name: db.execute(text(query)).scalar_one() for name, query in LEFT.items()}


def digest(place: Place) -> dict[str, str]:
    """Of each such table one text that changes with any of its rows."""
    with connected(place) as db:
        return {table: db.execute(text(DIGEST.format(table))).scalar_one() for table in TOLD}


@contextmanager
def services(place: Place) -> Iterator[Services]:
    """With the secrets of that state directory."""
    made = Services(load(place.state_dir), Metrics(CollectorRegistry()))
    try:
        yield made
    finally:
        made.close()


def _open(vault: Vault, lead: int, sealed: bytes | None) -> dict[str, Value]:
    return {} if sealed is None else cast(dict[str, Value], vault.open(bytes(sealed), contacts.row_name(lead)))
