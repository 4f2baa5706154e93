"""Alembic is the only source of schema truth."""

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, text

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
