"""What dashboards have seen of a run is not lost with the server, though its transactions do not wait for the disk."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from sqlalchemy import NullPool, create_engine, text

from pipeline.settings.loader import Settings
from pipeline.storage.platform import migrate
from tests.support.gate import gate
from tests.support.serving import furnish, process
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Postgres

# Nothing is written to the disk but by those who wait for it.
LAZY = {"wal_writer_delay": "10s"}
HASTE = """
    BEGIN;
    SET LOCAL synchronous_commit = off;
    INSERT INTO outbox (kind, key, rev, body) VALUES ('run', 'run:1', 2, '{"run": {}}');
    COMMIT
"""


@pytest.fixture
def server(state_dir: Path) -> Iterator[Postgres]:
    made = Postgres(state_dir / "postgres", options=LAZY)
    made.start()
    yield made
    made.stop()


def test_what_is_published_survives_a_server_that_is_killed(
    server: Postgres, state_dir: Path, redis_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(server.url)
    for name in [name for name in os.environ if name.startswith("SERVICE6_")]:
        monkeypatch.delenv(name)
    settings: Settings = furnish(state_dir, server.url, redis_db)
    engine = create_engine(server.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with (
        gate(server.url) as way,
        redis.Redis.from_url(redis_db) as client,
        process("publisher", ("workers.publisher",), settings, DATABASE_URL=way.url),
    ):
        eventually(lambda: "publishing" in (state_dir / "publisher.log").read_text(encoding="utf-8"), within_s=30)
        way.shut(b"DELETE FROM outbox")
        with closing(engine.raw_connection()) as connection, connection.cursor() as cursor:
            cursor.execute(HASTE)
        eventually(lambda: client.xlen(settings.stream.key) == 1)
        eventually(lambda: way.holds(b"DELETE FROM outbox"))
        server.run.kill()
        server.run.child.wait()
    server.start()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT key, rev FROM outbox")).all() == [("run:1", 2)]
