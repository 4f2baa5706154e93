"""What load balancers, probes and Prometheus are told, and who may ask."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import create_engine, text
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pipeline.settings.loader import Settings
from pipeline.storage.platform import migrate
from schemas.access import Role
from schemas.feed import PATH, CloseCode
from tests.support.directories import directory
from tests.support.serving import Api, api
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Postgres, Valkey

DISK = 160 << 20  # a new cluster and its log take 60 MiB


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with directory() as shared, api(place, PROMETHEUS_MULTIPROC_DIR=str(shared)) as running:
        assert running.tell("first").status_code == 202
        yield running


def ready(running: Api) -> tuple[int, str]:
    """As a probe asks."""
    answer = running.http.get("/health/ready")
    return answer.status_code, answer.json()["status"]


def check(running: Api, name: str, path: str = "/health/ready") -> dict[str, object]:
    checks = running.get(path, Role.MONITOR).json()["checks"]
    return {one["name"]: one for one in checks}[name]


# Who may ask.


def test_a_probe_without_a_token_is_told_the_status_only(served: Api) -> None:
    assert ready(served) == (200, "ok")
    assert served.http.get("/health/ready").json()["checks"] == []
    wrong = served.http.get("/health/ready", headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401


OPEN_TO_MONITORS = ["/health", "/health/ready", "/metrics"]


def test_a_monitor_reads_how_the_system_is(served: Api) -> None:
    for path in OPEN_TO_MONITORS:
        assert served.get(path, Role.MONITOR).status_code == 200
    names = {one["name"] for one in served.get("/health/ready", Role.MONITOR).json()["checks"]}
    assert names == {"postgresql", "writes", "redis"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/leads", "/api/v1/leads/1", "/api/v1/leads/choices", "/api/v1/leads/1/scores", "/api/v1/leads/1/levers",
        "/api/v1/models", "/api/v1/trainings", "/api/v1/rescore-runs", "/api/v1/dead-letters",
    ],
)  # fmt: skip
def test_and_nothing_else(served: Api, path: str) -> None:
    assert served.get(path, Role.MONITOR).status_code == 403


def test_not_by_a_post_and_not_by_the_feed(served: Api) -> None:
    for path in ("/api/v1/ai/score-lead", "/api/v1/leads/lookup", "/api/v1/rescore-runs", "/api/v1/trainings"):
        assert served.post(path, {}, Role.MONITOR).status_code in (400, 403)
    assert served.post("/api/v1/ai/score-lead", {"lead_id": "1"}, Role.MONITOR).status_code == 403
    feed = served.url.replace("http", "ws") + PATH
    with (
        connect(feed, additional_headers=served.bearer(Role.MONITOR), proxy=None) as opened,
        pytest.raises(ConnectionClosed) as closed,
    ):
        list(opened)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.FORBIDDEN


@pytest.mark.parametrize("role", list(Role))
def test_metrics_are_for_those_who_see_everybodys_leads(served: Api, role: Role) -> None:
    allowed = role in (Role.ADMIN, Role.EXECUTIVE, Role.MONITOR)
    assert served.get("/metrics", role).status_code == (200 if allowed else 403)


def test_the_command_makes_a_monitors_token_that_lasts(place: Settings, served: Api) -> None:
    token = _command("token", "--role", "monitor", state=place.state_dir)
    answer = served.http.get("/metrics", headers={"Authorization": f"Bearer {token.stdout.strip()}"})
    assert answer.status_code == 200
    link = _command("token", "--role", "monitor", "--link", state=place.state_dir)
    assert (link.returncode, "leave out --link" in link.stderr) == (2, True)


def _command(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).parent / "service6"), *arguments, "--state-dir", str(state)]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


# Figures.


def test_every_family_is_told_once_however_often_it_is_asked_for(served: Api) -> None:
    for _ in range(3):
        figures = served.get("/metrics").text
    headers = Counter(line for line in figures.splitlines() if line.startswith("# "))
    assert [line for line, times in headers.items() if times > 1] == []
    families = list(text_string_to_metric_families(figures))
    samples = Counter((sample.name, tuple(sorted(sample.labels.items()))) for one in families for sample in one.samples)
    assert [sample for sample, times in samples.items() if times > 1] == []
    # What the servers say is nobody's own: no process stands beside it.
    for name in ("queue_messages", "queue_oldest_seconds", "unscored_leads", "alarm", "rescore_leads_left"):
        told = [one for one in families if one.name == f"service6_{name}"]
        assert len(told) == 1
        assert all("pid" not in sample.labels for sample in told[0].samples), name


# What a load balancer must know.


def own_servers(settings: Settings, **urls: str) -> None:
    file = settings.state_dir / "servers.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **urls}), encoding="utf-8")


@contextmanager
def with_own(settings: Settings, directory_: Path, **options: str) -> Iterator[Postgres]:
    server = Postgres(directory_, options={"fsync": "off", **options})
    server.start()
    try:
        migrate.upgrade(server.url)
        own_servers(settings, DATABASE_URL=server.url)
        yield server
    finally:
        server.stop()


def test_a_database_that_is_read_only(settings: Settings) -> None:
    with directory() as path, with_own(settings, path) as server, api(settings) as running:
        assert ready(running) == (200, "ok")
        _set_read_only(server, "on")
        eventually(lambda: ready(running) == (503, "down"))
        assert "read-only" in str(check(running, "writes")["detail"])
        assert running.tell("L1").status_code == 503
        assert check(running, "writes", "/health")["ok"] is False
        _set_read_only(server, "off")
        eventually(lambda: ready(running) == (200, "ok"))
        assert running.tell("L2").status_code == 202


def _set_read_only(server: Postgres, value: str) -> None:
    engine = create_engine(server.url_of("postgres"), isolation_level="AUTOCOMMIT")
    name = server.url.rpartition("/")[2]
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :d"), {"d": name}
        )
    engine.dispose()


@contextmanager
def small_disk() -> Iterator[Path]:
    with directory() as path:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0711", "tmpfs", str(path)], check=False
        )
        if mounted.returncode:
            pytest.skip("a file system may not be mounted here")
        try:
            yield path
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk(settings: Settings) -> None:
    with (
        small_disk() as path,
        with_own(settings, path, max_wal_size="64MB", min_wal_size="32MB"),
        api(settings) as running,
    ):
        assert ready(running) == (200, "ok")
        filler = path / "filler"
        _fill(filler)
        eventually(lambda: ready(running) == (503, "down"))
        assert check(running, "postgresql")["ok"] is True
        assert check(running, "writes")["ok"] is False
        filler.unlink()
        eventually(lambda: ready(running) == (200, "ok"))
        eventually(lambda: running.tell("L2").status_code == 202)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65536):
                pass
        except OSError:
            return


def test_writes_that_fail_for_a_reason_that_no_probe_foresees(settings: Settings) -> None:
    """As a full disk under the log, or a right that was taken away: the webhook itself tells."""
    with directory() as path, with_own(settings, path) as server, api(settings) as running:
        assert running.tell("L1").status_code == 202
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(FAULT))
            assert running.tell("L2").status_code == 503
            assert ready(running) == (503, "down")
            assert "could not be saved" in str(check(running, "writes")["detail"])
            connection.execute(text("DROP TRIGGER full_disk ON leads"))
        engine.dispose()
        assert running.tell("L3").status_code == 202
        assert eventually(lambda: ready(running)) == (200, "ok")


FAULT = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON leads FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
"""


def test_a_database_that_hangs_is_told_in_time_whoever_asks_and_however_often(settings: Settings) -> None:
    with directory() as path, with_own(settings, path) as server, api(settings) as running:
        assert ready(running) == (200, "ok")
        postmaster = psutil.Process(int((path / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
        stopped = [postmaster, *postmaster.children()]
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: ready(running) == (503, "down"))
            began = time.monotonic()
            answers = [httpx2.get(f"{running.url}/health/ready", timeout=30) for _ in range(3)]
            assert {answer.status_code for answer in answers} == {503}
            assert time.monotonic() - began < 30
            assert running.http.get("/health/live").status_code == 200
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)
        eventually(lambda: ready(running) == (200, "ok"))
        assert server.answers()


@pytest.mark.parametrize(
    ("setting", "value", "word"), [("maxmemory", "1", "OutOfMemory"), ("replicaof", "127.0.0.1 1", "ReadOnly")]
)
def test_redis_without_writes_is_degraded_and_webhooks_are_taken(
    settings: Settings, setting: str, value: str, word: str
) -> None:
    with directory() as path:
        server = Valkey(path)
        server.start()
        try:
            own_servers(settings, REDIS_URL=server.url)
            with api(settings) as running, Redis.from_url(server.url) as client:
                assert ready(running) == (200, "ok")
                if setting == "replicaof":
                    client.execute_command("REPLICAOF", *value.split())
                else:
                    client.config_set(setting, value)
                eventually(lambda: ready(running) == (200, "degraded"))
                assert word in str(check(running, "redis")["detail"])
                assert running.tell("L1").status_code == 202
                if setting == "replicaof":
                    client.execute_command("REPLICAOF", "NO", "ONE")
                else:
                    client.config_set(setting, "0")
                eventually(lambda: ready(running) == (200, "ok"))
        finally:
            server.stop()


def test_probes_cost_little(served: Api) -> None:
    """Many that ask at once share one look at the servers."""
    keep = httpx2.Client(base_url=served.url)
    before = _transactions(served.settings)
    for _ in range(200):
        assert keep.get("/health/ready").status_code == 200
    keep.close()
    eventually(lambda: _transactions(served.settings) > before, within_s=15)
    assert _transactions(served.settings) - before < 200


def _transactions(settings: Settings) -> int:
    engine = create_engine(settings.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        found = int(connection.execute(text(query)).scalar_one())
    engine.dispose()
    return found
