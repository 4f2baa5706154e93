"""`service6 up` as a user meets it: the whole system, started, hurt and stopped."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from pipeline.settings.loader import embedded_servers
from tests.chaos.place import OWN_SETTINGS, Place, answer, process, ready, token
from tests.support.directories import directory
from tests.support.keys import SECRET_KEY
from tests.support.processes import ROOT, Terminal, all_gone
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with directory() as path:
        yield Place(path / "state", free_port(), free_port())


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Terminal]:
    with place.up() as shown:
        shown.shows("Service 6 is up", within_s=60)
        yield shown


def test_the_link_signs_in(running: Terminal, place: Place) -> None:
    assert answer(place.port, "/") == 200
    assert answer(place.port, "/api/v1/leads") == 401
    assert answer(place.port, "/api/v1/leads", token(running)) == 200


def test_flower_wants_its_password(running: Terminal, place: Place) -> None:
    password = running.shows("user service6, password").rpartition(" ")[2]
    assert password == (place.state_dir / "flower-password").read_text(encoding="utf-8")
    assert eventually(lambda: answer(place.flower_port, "/")) == 401


@pytest.mark.usefixtures("running")
def test_secrets_are_private(place: Place) -> None:
    names = ("secret-key", "webhook-secret-standard", "flower-password", "servers.json")
    assert {stat.S_IMODE((place.state_dir / name).stat().st_mode) for name in names} == {0o600}


@pytest.mark.usefixtures("running")
def test_nothing_under_the_state_directory_is_anybody_elses(place: Place) -> None:
    passed_through = {place.state_dir, place.state_dir / "postgres", place.state_dir / "valkey"}
    allowed = 0o711 if os.geteuid() == 0 else 0o700  # root's servers run as another account
    seen = 0
    for folder, folders, files in os.walk(place.state_dir):
        folders[:] = [name for name in folders if not name.startswith("binaries-")]
        mode = stat.S_IMODE(Path(folder).stat().st_mode)
        assert mode & ~(allowed if Path(folder) in passed_through else 0o700) == 0, folder
        for name in files:
            with suppress(FileNotFoundError):  # servers make and remove some all the time
                assert stat.S_IMODE((Path(folder) / name).stat().st_mode) & 0o077 == 0, f"{folder}/{name}"
                seen += 1
    assert seen > 100
    names = {path.name for path in place.state_dir.iterdir()}
    assert {"logs", "metrics", "heartbeats", "postgres", "valkey", "lock"} <= names


def test_no_secret_is_an_argument(running: Terminal, place: Place) -> None:
    arguments = " ".join(" ".join(psutil.Process(pid).cmdline()) for pid in running.family())
    passwords = [
        (place.state_dir / server / "password").read_text(encoding="utf-8") for server in ("postgres", "valkey")
    ]
    names = ("secret-key", "webhook-secret-standard", "flower-password")
    for secret in [*passwords, *((place.state_dir / name).read_text(encoding="utf-8") for name in names)]:
        assert secret not in arguments


def test_everything_listens_on_loopback_only(running: Terminal) -> None:
    listening = [
        connection.laddr.ip
        for pid in running.family()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 4
    assert set(listening) == {"127.0.0.1"}


def test_a_second_up_says_who_holds_the_directory(running: Terminal, place: Place) -> None:
    with place.up() as second:
        assert second.process.wait(30) == 1
        line = second.shows("up already")
        assert f"process {running.process.pid}" in line
        assert f"http://127.0.0.1:{place.port}" in line
        assert len(second.lines) == 1


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("taken", ["port", "flower_port"])
def test_a_port_in_use_is_one_clear_line(place: Place, taken: str) -> None:
    with directory() as path:
        elsewhere = Place(path / "state", free_port(), free_port())._replace(**{taken: getattr(place, taken)})
        with elsewhere.up() as second:
            assert second.process.wait(30) == 2
            line = second.shows("in use")
            assert f"127.0.0.1:{getattr(place, taken)}" in line
            assert f"--{taken.replace('_', '-')}" in line
            assert len(second.lines) == 1


@pytest.mark.parametrize("words", [("worker", "-Q scoring"), ("workers.api",), ("workers.publisher",)])
def test_a_process_that_is_killed_runs_again(running: Terminal, place: Place, words: tuple[str, ...]) -> None:
    before = process(running, *words)
    forked = [child.pid for child in psutil.Process(before).children()]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: all_gone([before, *forked]))
    assert eventually(lambda: process(running, *words)) != before
    eventually(lambda: ready(running, place), within_s=30)


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_server_that_is_killed_runs_again_where_it_was(running: Terminal, place: Place, server: str) -> None:
    addresses = embedded_servers(place.state_dir)
    engine = create_engine(addresses["DATABASE_URL"], poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one"))
    os.kill(process(running, f"bin/{server}" if server == "postgres" else "valkey-server"), signal.SIGKILL)
    running.shows(f"{server} was killed by SIGKILL")
    running.shows(f"{server} runs again")
    # Readiness may answer from its last look for a second, so the server itself is asked.
    assert eventually(lambda: _kept(engine), within_s=30) == 1
    eventually(lambda: ready(running, place), within_s=30)
    assert embedded_servers(place.state_dir) == addresses


def _kept(engine: Engine) -> int | None:
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT one FROM kept")).scalar_one())
    except OperationalError:
        return None


def test_ctrl_c_stops_everything_and_the_next_up_finds_all_as_it_was(place: Place) -> None:
    with directory() as path:
        elsewhere = Place(path / "state", free_port(), free_port())
        with elsewhere.up() as first:
            first.shows("Service 6 is up", within_s=60)
            family = first.family()
            asked = time.monotonic()
            first.process.send_signal(signal.SIGINT)
            assert first.process.wait(30) == 0
            assert time.monotonic() - asked < 30
            assert all_gone(family)
            first.shows("stopped")
        assert embedded_servers(elsewhere.state_dir) == {}
        secret = (elsewhere.state_dir / "secret-key").read_text(encoding="utf-8")
        with elsewhere.up() as again:
            again.shows("Service 6 is up", within_s=60)
            assert "flower-password" in again.shows("user service6, password")
            assert (elsewhere.state_dir / "secret-key").read_text(encoding="utf-8") == secret
            family = again.family()
            again.process.kill()
            eventually(lambda: all_gone(family))


def test_servers_that_are_configured_are_used_and_none_is_started(database: str, redis_db: str) -> None:
    with directory() as path:
        place = Place(path / "state", free_port(), free_port())
        with place.up(DATABASE_URL=database, REDIS_URL=redis_db) as shown:
            shown.shows("Service 6 is up", within_s=60)
            assert answer(place.port, "/health/ready", token(shown)) == 200
            names = {psutil.Process(pid).name() for pid in shown.family()}
            assert not names & {"postgres", "valkey-server"}
            assert "embedded" not in "".join(shown.lines)
            assert embedded_servers(place.state_dir) == {"API_URL": f"http://127.0.0.1:{place.port}"}


def test_a_secret_of_the_environment_is_told_where_it_is_and_known_to_other_shells(
    database: str, redis_db: str
) -> None:
    secrets = {
        "SERVICE6_WEBHOOK_SECRET_STANDARD": "whsec_c29tZW9uZSBlbHNlJ3Mgc2VjcmV0",
        "SERVICE6_SECRET_KEY": SECRET_KEY,
    }
    with directory() as path:
        place = Place(path / "state", free_port(), free_port())
        with place.up(DATABASE_URL=database, REDIS_URL=redis_db, **secrets) as shown:
            shown.shows("Service 6 is up", within_s=60)
            shown.shows("their secret is in $SERVICE6_WEBHOOK_SECRET_STANDARD")
            noted = (place.state_dir / "servers.json").read_text(encoding="utf-8")
            assert not [secret for secret in secrets.values() if secret in noted]
            found = doctor(place, DATABASE_URL=database, REDIS_URL=redis_db)
            assert found["webhooks standard"]["found"].startswith("open in the running stack; this shell lacks")
            assert found["secret key"]["found"].startswith("set in the running stack; this shell lacks")
        found = doctor(place, DATABASE_URL=database, REDIS_URL=redis_db)
        assert found["webhooks standard"]["found"].startswith("closed; ")


def doctor(place: Place, **settings: str) -> dict[str, dict[str, str]]:
    """What it finds in a shell that has only these settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    command = [sys.executable, "-m", "cli", "doctor", "--json", "--state-dir", str(place.state_dir)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**others, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        encoding="utf-8",
    )
    return {finding["name"]: finding for finding in json.loads(done.stdout)}


def test_ctrl_c_while_it_starts_leaves_nothing_either() -> None:
    with directory() as path:
        place = Place(path / "state", free_port(), free_port())
        with place.up() as shown:
            eventually(lambda: len(shown.family()) > 3, within_s=30)
            family = shown.family()
            shown.process.send_signal(signal.SIGINT)
            assert shown.process.wait(30) == 0
            assert all_gone(family)
