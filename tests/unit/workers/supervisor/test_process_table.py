from pathlib import Path

import pytest

from pipeline.settings.loader import load
from tasks import queues
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import applications, graces_s, stop_order

STOP_S = 30


def test_everything_stops_within_half_a_minute_even_if_all_must_be_killed() -> None:
    graces = {**graces_s(), "valkey": Valkey.grace_s, "postgres": Postgres.grace_s}
    assert sum(max(graces[name] for name in group) for group in stop_order()) <= STOP_S


def test_every_process_has_its_place_in_the_order() -> None:
    placed = [name for group in stop_order() for name in group]
    assert sorted(placed) == sorted([*graces_s(), Valkey.name, Postgres.name])


def test_where_nothing_can_be_trained_no_process_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> set[str]:
        return {program.name for program in applications(load(tmp_path), {}, flower_password="", sample=False)}

    assert "learning" in names()
    monkeypatch.setattr(queues, "TRAINING_LIBRARIES", ("interpret", "a_library_that_nobody_has"))
    assert "learning" not in names()
    assert "learning" not in [queue.name for queue in queues.needed(load(tmp_path))]


def test_who_calls_nobody_has_no_process_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> set[str]:
        started = applications(load(tmp_path), {}, flower_password="", sample=False)
        return {program.name for program in started}

    assert "outbound" not in names()
    monkeypatch.setenv("SERVICE6_SOURCES__HUBSPOT__CRM__WRITE_BACK", "true")
    assert "outbound" in names()
