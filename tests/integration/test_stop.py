"""A process that is asked to end does so in time while a server that it waits for hangs: stopped, not dead."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline import task_calls
from pipeline.settings.loader import Settings
from pipeline.storage.platform import migrate
from tasks.app import deliver
from tests.support.directories import directory
from tests.support.processes import all_gone
from tests.support.serving import furnish, in_this_process, log_of, open_services, process, worker
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import Server, free_port
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import BROKER, FLOWER
from workers.supervisor.program import ProgramRun

STOP_S = 3.0
IN_TIME_S = 30.0  # without the bound they are still there after a minute


@pytest.fixture
def servers() -> Iterator[dict[str, Server]]:
    with directory() as path:
        made: dict[str, Server] = {"postgres": Postgres(path / "postgres"), "valkey": Valkey(path / "valkey")}
        for server in made.values():
            server.start()
        yield made
        for server in made.values():
            server.stop()


@pytest.fixture
def settings(servers: dict[str, Server], state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    postgres, valkey = servers["postgres"], servers["valkey"]
    migrate.upgrade(postgres.url)
    return furnish(state_dir, postgres.url, valkey.url)


@contextmanager
def running(settings: Settings, name: str) -> Iterator[ProgramRun]:
    argv = {
        "publisher": ("workers.publisher",),
        "beat": (*BROKER[2:], "beat", f"--schedule={settings.state_dir / 'schedule'}", "--pidfile="),
        "flower": (*FLOWER[2:], "flower", "--address=127.0.0.1", f"--port={free_port()}"),
    }
    bound = {"SERVICE6_WORKERS__STOP_S": str(STOP_S)}
    with (
        worker(settings, "scoring", **bound)
        if name == "worker"
        else process(name, argv[name], settings, **bound) as run
    ):
        yield run


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    assert server.run is not None
    leader = psutil.Process(server.run.pid)
    members = [leader, *leader.children()]
    for member in members:
        member.suspend()
    yield
    for member in members:
        member.resume()


def ends_in_time(run: ProgramRun) -> None:
    family = [run.pid, *(child.pid for child in psutil.Process(run.pid).children(recursive=True))]
    os.kill(run.pid, signal.SIGTERM)
    run.child.wait(IN_TIME_S)
    eventually(lambda: all_gone(family))


def connected(run: ProgramRun, port: int) -> bool:
    members = [psutil.Process(run.pid), *psutil.Process(run.pid).children()]
    return any(end.raddr and end.raddr.port == port for one in members for end in one.net_connections("inet"))


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("worker", "valkey"),
        ("publisher", "postgres"),
        ("publisher", "valkey"),
        ("beat", "valkey"),
        ("flower", "valkey"),
    ],
)
def test_a_process_ends_in_time(settings: Settings, servers: dict[str, Server], name: str, server: str) -> None:
    with running(settings, name) as run:
        eventually(lambda: connected(run, servers[server].port), within_s=60)
        if name == "worker":
            eventually(lambda: "ready." in log_of(settings, "worker").read_text(encoding="utf-8"), within_s=60)
        with hanging(servers[server]):
            ends_in_time(run)


def test_a_worker_whose_task_waits_for_postgresql_ends_in_time(settings: Settings, servers: dict[str, Server]) -> None:
    with running(settings, "worker") as run, open_services(settings) as services, in_this_process(services):
        deliver(task_calls.score_leads([1]))
        eventually(lambda: connected(run, servers["postgres"].port), within_s=60)
        with hanging(servers["postgres"]):
            deliver(task_calls.score_leads([1]))
            eventually(lambda: services.redis.hlen("unacked") == 1)
            ends_in_time(run)
