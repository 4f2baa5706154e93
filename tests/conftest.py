"""Real servers for the tests: one PostgreSQL and one Valkey a session, a fresh database for each test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from pathlib import Path

import hypothesis
import pytest
import redis
from sqlalchemy import NullPool, create_engine, text

from pipeline.settings.loader import Settings
from pipeline.storage.platform import migrate
from tests.support.directories import directory
from tests.support.serving import furnish
from workers.supervisor.postgres_and_valkey import Postgres, Valkey

TEMPLATE = "migrated"
# Each test takes the next one, so that what an earlier test left running does not meet it.
REDIS_NUMBERS = cycle(range(1, 16))

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the tests too that take minutes each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Not by `addopts = -m`, which any other -m would replace.
    if not config.getoption("soak"):
        long = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with directory() as path:
        yield path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with directory() as path:
        # Nothing in it outlives the session.
        server = Postgres(path, options={"fsync": "off"})
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with directory() as path:
        server = Valkey(path)
        server.start()
        yield server.url
        server.stop()


Clone = Callable[[str], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def clone(postgres: Postgres) -> Iterator[Clone]:
    """Makes a copy of the database of that name, yields its URL, drops it."""
    engine = create_engine(postgres.url_of("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @contextmanager
    def copy(template: str) -> Iterator[str]:
        name = f"test_{secrets.token_hex(6)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield postgres.url_of(name)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    migrate.upgrade(postgres.url_of(TEMPLATE))
    yield copy
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_url(clone: Clone) -> Iterator[str]:
    """A migrated database that the whole session shares."""
    with clone(TEMPLATE) as url:
        yield url


@pytest.fixture
def database(clone: Clone) -> Iterator[str]:
    """A migrated database of the test's own."""
    with clone(TEMPLATE) as url:
        yield url


@pytest.fixture
def empty_database(clone: Clone) -> Iterator[str]:
    with clone("template0") as url:
        yield url


@pytest.fixture(scope="session")
def fresh_redis(redis_url: str) -> Callable[[], str]:
    """Gives the URL of a Redis database that is empty now."""

    def empty() -> str:
        url = f"{redis_url.rpartition('/')[0]}/{next(REDIS_NUMBERS)}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return empty


@pytest.fixture
def redis_db(fresh_redis: Callable[[], str]) -> str:
    """An empty Redis database."""
    return fresh_redis()


@pytest.fixture
def settings(database: str, redis_db: str, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a state directory of the test's own; its processes find it in their environment."""
    for name in os.environ:
        if name.startswith("SERVICE6_") or name in {"DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    return furnish(state_dir, database, redis_db)


@pytest.fixture(scope="module")
def place(clone: Clone, fresh_redis: Callable[[], str]) -> Iterator[Settings]:
    """As `settings`, for the tests of one file to share; it asks for no `redis_db` besides, the numbers are few."""
    with directory() as path, clone(TEMPLATE) as database:
        yield furnish(path, database, fresh_redis())
