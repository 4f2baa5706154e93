"""The outbox as a test fills it, and who of several publishers leads."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from sqlalchemy import Connection, NullPool, create_engine, insert, text

from pipeline.storage.platform.tables import outbox
from tests.support.feed import scored
from tests.support.waiting import eventually

LEADER = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
OTHERS = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
LEADERS_PORT = """
    SELECT client_port FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND granted
"""


class Database:
    """A second client of the same database."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def save(self, *changes: tuple[int, int]) -> None:
        with self.session() as connection:
            save(connection, *changes)

    def one(self, sql: str) -> object:
        with self.session() as connection:
            return connection.execute(text(sql)).scalar_one()

    @property
    def waiting(self) -> int:
        return int(str(self.one("SELECT count(*) FROM outbox")))


def save(connection: Connection, *changes: tuple[int, int]) -> None:
    """(lead, rev) each, as storage.scores leaves them."""
    rows = [scored(lead, rev, owner="ann", previous_owner="bob")._asdict() for lead, rev in changes]
    connection.execute(insert(outbox), [{k: v for k, v in row.items() if k != "id"} for row in rows])


def leader_of(db: Database, *children: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Which of the processes holds the lead: by the port of the connection that holds the lock."""

    def look() -> subprocess.Popen[bytes] | None:
        with db.session() as connection:
            port = connection.execute(text(LEADERS_PORT)).scalar()
        for child in children:
            if child.poll() is None and any(
                one.laddr.port == port for one in psutil.Process(child.pid).net_connections()
            ):
                return child
        return None

    found = eventually(look)
    assert found
    return found
