"""Alembic is the only source of schema truth."""

import json
import multiprocessing
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, text
from sqlalchemy.orm import Session

from pipeline.errors import Misconfigured
from pipeline.leads.source_mapping import hidden_delivery
from pipeline.security.vault import Vault
from pipeline.storage.leads.deliveries import first_seen
from pipeline.storage.platform import migrate
from pipeline.storage.scores.partitions import ensure_months


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    engine = create_engine(empty_database, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_up_from_empty_down_to_nothing_and_up_again(empty_database: str, engine: Engine) -> None:
    assert migrate.current(empty_database) is None

    applied = migrate.upgrade(empty_database)
    assert applied[0] == "0001"
    assert migrate.current(empty_database) == applied[-1]
    assert migrate.upgrade(empty_database) == []

    migrate.downgrade(empty_database)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert migrate.current(empty_database) is None

    assert migrate.upgrade(empty_database) == applied


def test_the_tables_in_python_are_those_of_the_migrations(database: str) -> None:
    migrate.check(database)


def _upgrade_together(url: str, barrier: Barrier) -> None:
    barrier.wait()
    migrate.upgrade(url)


def _ensure_together(url: str, barrier: Barrier) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        barrier.wait()
        ensure_months(connection, date(2031, 1, 1), 12)


def _exit_codes_of_two(target: Callable[[str, Barrier], None], url: str) -> list[int | None]:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    processes = [spawn.Process(target=target, args=(url, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def test_of_two_upgrades_at_once_the_second_waits(empty_database: str) -> None:
    assert _exit_codes_of_two(_upgrade_together, empty_database) == [0, 0]
    migrate.check(empty_database)


def test_of_two_that_make_partitions_at_once_the_second_waits(database: str) -> None:
    assert _exit_codes_of_two(_ensure_together, database) == [0, 0]


HISTORY = text(
    "INSERT INTO score_history (lead_id, score, confidence, tier, model_id, lead_revision, rev, reason, at)"
    " VALUES (1, 50, 0.5, 'B', 0, 1, 1, 'arrived', :at)"
)


def _rows_by_partition(connection: Connection) -> dict[str, int]:
    rows = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM score_history GROUP BY 1"))
    return {str(name): int(number) for name, number in rows}


def test_history_lies_in_the_month_of_its_universal_time(database: str) -> None:
    engine = create_engine(database, poolclass=NullPool, connect_args={"options": "-c timezone=Asia/Tokyo"})
    with engine.begin() as connection:
        made = ensure_months(connection, date(2031, 11, 17), 3)
        assert made == ["score_history_2031_11", "score_history_2031_12", "score_history_2032_01"]
        assert ensure_months(connection, date(2031, 11, 1), 3) == []
        for at in (datetime(2031, 12, 1, tzinfo=UTC), datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC)):
            connection.execute(HISTORY, {"at": at})
        assert _rows_by_partition(connection) == {"score_history_2031_12": 2}


def test_a_partition_that_comes_late_takes_its_rows_from_the_default_one(database: str) -> None:
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        for month in (5, 6, 7):
            connection.execute(HISTORY, {"at": datetime(2031, month, 3, tzinfo=UTC)})
        assert _rows_by_partition(connection) == {"score_history_default": 3}
        ensure_months(connection, date(2031, 6, 1), 1)
        assert _rows_by_partition(connection) == {"score_history_2031_06": 1, "score_history_default": 2}


def test_the_first_migration_makes_last_month_this_one_and_three_ahead(database: str) -> None:
    engine = create_engine(database, poolclass=NullPool)
    today = datetime.now(UTC).date()
    last_month = today.replace(day=1) - timedelta(days=1)
    with engine.begin() as connection:
        assert ensure_months(connection, last_month, 5) == []
        assert len(ensure_months(connection, last_month, 6)) == 1


# Delivery ids that were stored as they came.

SECRET = "a secret key"
HIDE = partial(hidden_delivery, Vault([SECRET]))
PLANTED = ["planted@example.com", "Planted@example.com", "+49 151 98765432", "call (555) 765-4321"]
PLAIN = ["msg_1", "0b8f5c1e-7d3a-4c1e-9a77-52d1c0a4b6f3", "run:000000017", "1795348800"]
RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _as_before(url: str, engine: Engine) -> None:
    migrate.upgrade(url)
    migrate.downgrade(url, "0010")
    many = [f"planted{number}@example.com" for number in range(2500)]  # more than a batch
    with engine.begin() as connection:
        for source in ("standard", "zoho"):
            rows = [{"source": source, "id": each, "at": RECEIVED} for each in PLANTED + PLAIN + many]
            connection.execute(
                text("INSERT INTO deliveries (source, delivery_id, received_at) VALUES (:source, :id, :at)"), rows
            )
        leads = [
            {"id": f"L{number}", "times": json.dumps({"*": [number, each], "budget": [number + 1, "msg_2"]})}
            for number, each in enumerate(PLANTED + PLAIN + many)
        ]
        connection.execute(
            text(
                "INSERT INTO leads (source, external_id, attributes, attribute_times, active_at)"
                " VALUES ('standard', :id, '{}', CAST(:times AS jsonb), now())"
            ),
            leads,
        )


def test_delivery_ids_that_are_addresses_are_hidden_and_still_recognised(empty_database: str, engine: Engine) -> None:
    _as_before(empty_database, engine)
    assert "0011" in migrate.upgrade(empty_database, hide=HIDE)
    with engine.begin() as connection:
        for query in (
            "SELECT string_agg(d::text, ' ') FROM deliveries d",
            "SELECT string_agg(l::text, ' ') FROM leads l",
        ):
            content = str(connection.execute(text(query)).scalar_one())
            assert not [part for part in ("lanted", "98765432", "765-4321") if part in content]
        stored = connection.execute(text("SELECT source, delivery_id, received_at FROM deliveries")).all()
        assert len(stored) == 2 * (2500 + len(PLANTED + PLAIN))
        assert {row.received_at for row in stored} == {RECEIVED}
        assert set(PLAIN) <= {row.delivery_id for row in stored}
        again = [("standard", HIDE(each)) for each in [*PLANTED, *PLAIN, "planted2499@example.com"]]
        assert first_seen(Session(connection), again) == set()
        times = connection.execute(text("SELECT attribute_times FROM leads ORDER BY id")).scalars().all()
        assert times[2] == {"*": [2, HIDE(PLANTED[2])], "budget": [3, "msg_2"]}
        assert times[len(PLANTED)] == {"*": [len(PLANTED), PLAIN[0]], "budget": [len(PLANTED) + 1, "msg_2"]}


def test_without_a_key_ids_that_need_one_are_refused_and_nothing_is_changed(
    empty_database: str, engine: Engine
) -> None:
    _as_before(empty_database, engine)
    with pytest.raises(Misconfigured, match="SERVICE6_SECRET_KEY"):
        migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == "0010"


def test_an_id_that_a_newer_process_has_hidden_already_is_one_delivery(empty_database: str, engine: Engine) -> None:
    _as_before(empty_database, engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO deliveries (source, delivery_id) VALUES ('standard', :id)"), {"id": HIDE(PLANTED[0])}
        )
    assert "0011" in migrate.upgrade(empty_database, hide=HIDE)


def test_nothing_is_left_of_it_after_a_way_back_and_forth(empty_database: str, engine: Engine) -> None:
    _as_before(empty_database, engine)
    migrate.upgrade(empty_database, hide=HIDE)
    migrate.downgrade(empty_database, "0010")
    assert "0011" in migrate.upgrade(empty_database, hide=HIDE)
    with engine.begin() as connection:
        assert first_seen(Session(connection), [("zoho", HIDE(each)) for each in PLANTED]) == set()
