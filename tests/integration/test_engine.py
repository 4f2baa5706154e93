"""Whose fault an error of PostgreSQL is decides whether a vendor sends the webhook again; and what is left of a server
that ended its sessions, or is the primary no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest
from sqlalchemy import URL, NullPool, create_engine, event, make_url, text

from pipeline.errors import ConnectionLost, Disturbed, GiveUp, TryAgain
from pipeline.settings.loader import Settings
from pipeline.storage.operations import outbox
from pipeline.storage.platform import migrate
from pipeline.storage.platform.copy import copy
from pipeline.storage.platform.engine import MENDING_S, engine, statements, transaction
from pipeline.wiring import Services
from tests.support.directories import directory
from tests.support.serving import open_services
from workers.supervisor.postgres_and_valkey import Postgres

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


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53100", TryAgain),  # the disk is full
        ("53200", TryAgain),  # out of memory
        ("53300", TryAgain),  # too many connections
        ("53400", TryAgain),  # a configured limit
        ("58030", TryAgain),  # the disk fails
        ("XX001", TryAgain),  # data corrupted
        ("XX000", TryAgain),
        ("57014", TryAgain),  # statement timeout
        ("55P03", TryAgain),  # a lock is not available
        ("25006", ConnectionLost),  # read-only
        ("57P01", ConnectionLost),  # shut down
        ("57P02", ConnectionLost),  # crashed
        ("57P03", ConnectionLost),  # starting up
        ("40001", Disturbed),
        ("40P01", Disturbed),
        ("42P01", TryAgain),  # a table is missing
        ("42501", TryAgain),  # a right is missing
        ("22001", GiveUp),
        ("22P02", GiveUp),
        ("23505", GiveUp),
        ("23514", GiveUp),
        ("54000", GiveUp),  # a value is too long for an index
    ],
)
@pytest.mark.parametrize("within", ["session", "reading"])
def test_each_error_says_whose_fault_it_is(services: Services, code: str, kind: type[Exception], within: str) -> None:
    with pytest.raises((TryAgain, GiveUp)) as told, getattr(services, within)() as db:
        db.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'a row''s value' USING ERRCODE = '{code}'; END $$"))
    assert type(told.value) is kind
    assert code in str(told.value)
    assert "value" not in str(told.value).replace("refused the values", "")
    assert told.value.__cause__ is None
    if isinstance(told.value, TryAgain):
        assert 1 <= told.value.after_s <= MENDING_S
    with getattr(services, within)() as db:
        assert db.execute(text("SELECT 1")).scalar_one() == 1


# Sessions that ended while nobody used them.


@contextmanager
def another_session(url: str | URL) -> Iterator[Callable[[str], None]]:
    """Executes statements outside of the engine under test."""
    made = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with made.connect() as connection:
        yield lambda statement: connection.execute(text(statement))


def end_all_sessions(services: Services) -> None:
    with another_session(services.settings.database_url) as execute:
        execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def pid(services: Services, within: str) -> int:
    with getattr(services, within)() as db:
        return int(db.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.mark.parametrize("within", ["session", "reading"])
def test_a_session_that_ended_meanwhile_is_replaced_before_it_is_used(services: Services, within: str) -> None:
    before = pid(services, within)
    end_all_sessions(services)
    assert pid(services, within) != before


def test_all_idle_sessions_are_replaced_and_each_once(services: Services) -> None:
    with services.session() as one, services.session() as two:
        for db in (one, two):
            db.execute(text("SELECT 1"))
    end_all_sessions(services)
    made = []
    event.listen(services.engine, "connect", lambda *_: made.append(1))
    for _ in range(3):
        with services.session() as one, services.session() as two:
            for db in (one, two):
                db.execute(text("SELECT 1"))
    assert len(made) == 2


@pytest.mark.parametrize("within", ["session", "reading"])
def test_a_session_that_lives_is_kept(services: Services, within: str) -> None:
    assert len({pid(services, within) for _ in range(5)}) == 1


@pytest.mark.parametrize("within", ["session", "reading"])
def test_a_session_that_ends_in_the_middle_is_told_and_the_next_is_another(services: Services, within: str) -> None:
    def interrupted() -> None:
        with getattr(services, within)() as db:
            db.execute(text("SELECT 1"))
            end_all_sessions(services)
            db.execute(text("SELECT 1"))

    with pytest.raises(ConnectionLost):
        interrupted()
    pid(services, within)


def test_a_restart_of_the_server_is_noticed_by_nobody_who_comes_after(settings: Settings) -> None:
    with directory() as path:
        server = Postgres(path, options={"fsync": "off"})
        server.start()
        try:
            made = engine(server.url, pool_size=3, statement_timeout_s=15)
            for _ in range(2):
                with transaction(made) as db:
                    db.execute(text("SELECT 1"))
                server.stop()
                server.start()
            with transaction(made) as db:
                db.execute(text("SELECT 1"))
            made.dispose()
        finally:
            server.stop()


def test_whoever_holds_a_lock_of_a_session_is_told_that_it_ended(services: Services) -> None:
    """The publisher must not go on without the lock that made it the leader."""
    made = engine(
        services.settings.database_url, pool_size=1, statement_timeout_s=15, autocommit=True, keeps_session=True
    )
    with statements(made) as db:
        assert outbox.try_lead(db)
    end_all_sessions(services)
    with pytest.raises(ConnectionLost), statements(made) as db:
        outbox.oldest(db, 1)
    with statements(made) as db:
        assert outbox.try_lead(db)
    made.dispose()


# A primary that was demoted.


@contextmanager
def demoted(services: Services) -> Iterator[None]:
    """New sessions are read-only; those that are open already become so, too, as those of a standby."""
    url = make_url(services.settings.database_url)
    with another_session(url.set(database="postgres")) as execute:
        execute(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
        try:
            yield
        finally:
            execute(f"ALTER DATABASE {url.database} RESET default_transaction_read_only")


def writes(services: Services) -> None:
    with services.session() as db:
        db.execute(text("DELETE FROM outbox"))


def copies(services: Services) -> None:
    with services.session() as db:
        copy(db, "COPY outbox (kind, key, rev, body) FROM STDIN", BytesIO())


@pytest.mark.parametrize("work", [writes, copies])
def test_a_connection_to_a_demoted_primary_leaves_the_pool(
    services: Services, work: Callable[[Services], None]
) -> None:
    with demoted(services):
        for _ in range(3):
            with pytest.raises(TryAgain, match="25006"):
                work(services)
    work(services)


def test_all_connections_to_a_demoted_primary_leave_the_pool_with_the_first(services: Services) -> None:
    with demoted(services):
        with services.session() as one, services.session() as two:
            for db in (one, two):
                db.execute(text("SELECT 1"))
        with pytest.raises(TryAgain, match="25006"):
            writes(services)
    with services.session() as one, services.session() as two:
        for db in (one, two):
            db.execute(text("DELETE FROM outbox"))


@pytest.mark.parametrize("written", ["host=127.0.0.1:{}&host=127.0.0.1:{}", "host=127.0.0.1,127.0.0.1&port={},{}"])
def test_of_several_hosts_the_one_that_takes_writes_is_used(services: Services, written: str) -> None:
    url = make_url(services.settings.database_url)
    with directory() as path:
        (path / "password").write_text(str(url.password), encoding="utf-8")
        standby = Postgres(path, options={"fsync": "off"})
        standby.start()
        try:
            with another_session(standby.url_of("postgres")) as execute:
                execute(f"CREATE DATABASE {url.database}")
                execute(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
            nowhere = url.set(host=None, port=None).render_as_string(hide_password=False)
            several = f"{nowhere}?{written.format(standby.port, url.port)}"
            made = engine(several, pool_size=1, statement_timeout_s=15)
            with transaction(made) as db:
                db.execute(text("DELETE FROM outbox"))
            made.dispose()
            migrate.upgrade(several)
        finally:
            standby.stop()
