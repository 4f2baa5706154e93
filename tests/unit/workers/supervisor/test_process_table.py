from pathlib import Path

import pytest

from pipeline.settings.loader import load
from tasks import app
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import GRACE_S, STOP_ORDER, applications

STOP_S = 30


def test_everything_stops_within_half_a_minute_even_if_all_must_be_killed() -> None:
    graces = {**GRACE_S, "valkey": Valkey.grace_s, "postgres": Postgres.grace_s}
    assert sum(max(graces[name] for name in group) for group in STOP_ORDER) <= STOP_S


def test_every_process_has_its_place_in_the_order() -> None:
    placed = [name for group in STOP_ORDER for name in group]
    assert sorted(placed) == sorted([*GRACE_S, Valkey.name, Postgres.name])


def test_where_nothing_can_be_trained_no_process_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> set[str]:
        return {program.name for program in applications(load(tmp_path), {}, flower_password="", sample=False)}

    assert "learning" in names()
    monkeypatch.setattr(app, "TRAINING_LIBRARIES", ("interpret", "a_library_that_nobody_has"))
    assert "learning" not in names()
    assert "learning" not in app.needed(load(tmp_path))


def test_who_calls_nobody_has_no_process_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> set[str]:
        started = applications(load(tmp_path), {}, flower_password="", sample=False)
        return {program.name for program in started}

    assert "outreach" not in names()
    monkeypatch.setenv("SERVICE6_SOURCES__HUBSPOT__CRM__WRITE_BACK", "true")
    assert "outreach" in names()
