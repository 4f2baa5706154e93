from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from commands.finding import Finding
from commands.state_checks import examine_state
from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.wiring import Services


def findings(state_dir: Path) -> dict[str, Finding]:
    return {one.name: one for one in examine_state(Services(load(state_dir), Metrics(CollectorRegistry())))}


def test_all_is_well_in_a_private_place(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert {name: one.level for name, one in found.items()} == {"state files": "ok", "logs": "ok", "flower": "ok"}
    assert found["flower"].found == "on 127.0.0.1:5555, for this machine only"
    assert found["logs"].found == "0.0 MB, each of them at most 40 MB"


def test_files_that_others_may_read_are_named_with_the_command_that_closes_them(tmp_path: Path) -> None:
    for name in ("beat.db", "servers.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
        (tmp_path / name).chmod(0o644)
    told = findings(tmp_path)["state files"]
    assert (told.level, told.found) == ("warn", "other users may read or enter beat.db, servers.json")
    assert f"chmod -R go-rwx {tmp_path}/beat.db" in told.mend


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "flower.example.com", ""])  # noqa: S104
def test_a_flower_for_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("SERVICE6_FLOWER__HOST", host)
    told = findings(tmp_path)["flower"]
    assert told.level == "warn"
    assert "SERVICE6_FLOWER__HOST=127.0.0.1" in told.mend


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_flower_on_loopback_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("SERVICE6_FLOWER__HOST", host)
    assert findings(tmp_path)["flower"].level == "ok"


def test_a_log_beyond_its_bound_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    (tmp_path / "logs" / "api.log").touch(mode=0o600)
    with (tmp_path / "logs" / "api.log").open("wb") as log:
        log.truncate(30_000_000)
    assert findings(tmp_path)["logs"].level == "warn"


def test_many_metric_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir(mode=0o700)
    for number in range(501):
        (tmp_path / "metrics" / f"counter_host-{number}.db").touch(mode=0o600)
    assert findings(tmp_path)["metric files"].level == "warn"
