"""Addresses, keys and secrets as operators set them: what works, and what one line of `doctor` says of the rest."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from kombu import Connection

import cli
from pipeline.redis_store.redis_client import connect
from pipeline.settings.loader import Settings, load
from pipeline.settings.server_urls import broker_url
from pipeline.storage.platform.engine import engine, transaction
from pipeline.wiring import Services
from tests.integration.rows import save, told
from tests.support.directories import directory
from tests.support.keys import SECRET_KEY
from workers.supervisor import running_stack
from workers.supervisor.postgres_and_valkey import DATABASE, ROLE, Postgres, Valkey


def service6(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def finding(name: str) -> dict[str, str]:
    findings = {one["name"]: one for one in json.loads(service6("doctor", "--json").stdout)}
    found: dict[str, str] = findings[name]
    return found


class Sockets:
    """A PostgreSQL and a Valkey that can be reached by Unix sockets."""

    def __init__(self, path: Path) -> None:
        folder = path / "sockets"
        folder.mkdir()
        folder.chmod(0o777)
        self.postgres = Postgres(path / "postgres", options={"unix_socket_directories": str(folder), "fsync": "off"})
        self.valkey = Valkey(path / "valkey", options={"unixsocket": str(folder / "valkey"), "unixsocketperm": "777"})
        where = f"{ROLE}:{self.postgres.password}"
        port = self.postgres.port
        self.databases = [
            f"postgres://{where}@127.0.0.1:{port}/{DATABASE}",
            f"postgresql://{where}@127.0.0.1:{port}/{DATABASE}",
            f"postgresql://{where}@/{DATABASE}?host={folder}&port={port}",
            f"postgres://{where}@{str(folder).replace('/', '%2F')}:{port}/{DATABASE}",
        ]
        self.redis = [
            f"valkey://:{self.valkey.password}@127.0.0.1:{self.valkey.port}/0",
            f"unix://:{self.valkey.password}@{folder}/valkey?db=0",
        ]


@pytest.fixture(scope="module")
def sockets() -> Iterator[Sockets]:
    with directory() as path:
        made = Sockets(path)
        made.postgres.start()
        made.valkey.start()
        yield made
        made.valkey.stop()
        made.postgres.stop()


@pytest.mark.parametrize("way", range(4))
def test_postgresql_answers_however_its_address_is_written(
    sockets: Sockets, state_dir: Path, monkeypatch: pytest.MonkeyPatch, way: int
) -> None:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    monkeypatch.setenv("DATABASE_URL", sockets.databases[way])
    result = service6("db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    connections = engine(load().database_url, pool_size=1, statement_timeout_s=10)
    with transaction(connections) as db:
        assert db.connection().exec_driver_sql("SELECT 1").scalar() == 1
    connections.dispose()


@pytest.mark.parametrize("way", range(2))
def test_redis_answers_however_its_address_is_written(
    sockets: Sockets, state_dir: Path, monkeypatch: pytest.MonkeyPatch, way: int
) -> None:
    monkeypatch.setenv("REDIS_URL", sockets.redis[way])
    url = load(state_dir).redis_url
    with connect(url) as client:
        assert client.ping()
    with Connection(broker_url(url)) as broker:
        queue = broker.SimpleQueue("tried")
        queue.put("a message")
        assert queue.get(timeout=10).payload == "a message"
        queue.close()
    with connect(url) as client:
        assert client.exists("_kombu.binding.tried")  # in the same database


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_URL", "mysql://me:word@db/x", "write postgresql://"),
        ("REDIS_URL", "redis://:word@cache:six/0", "port must be a number"),
        ("SERVICE6_SECRET_KEY", "short", "has 5 characters"),
        ("SERVICE6_APY__PORT", "1", "did you mean 'api'"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "queues", "token --role viewer", "up", "score 1"])
def test_a_slip_is_one_line_whatever_the_command(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str, command: str
) -> None:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    monkeypatch.setenv(variable, value)
    result = service6(*command.split())
    assert result.exit_code == (1 if command == "doctor" else 2)
    assert words in result.output
    assert len(result.stderr.splitlines()) == (0 if command == "doctor" else 1)


def test_doctor_opens_a_contact_as_a_proof_of_the_key(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("sealed contacts")["found"] == "none yet"
    sealed_with = services.settings.secret_key.get_secret_value()
    save(services, [told(services, "1", email="jane@example.com"), told(services, "2", email="joe@example.com")])
    assert finding("sealed contacts")["level"] == "ok"
    monkeypatch.setenv("SERVICE6_SECRET_KEY", SECRET_KEY)
    other = finding("sealed contacts")
    assert (other["level"], service6("doctor").exit_code) == ("bad", 1)
    assert "SERVICE6_SECRET_KEY" in other["mend"]
    monkeypatch.setenv("SERVICE6_SECRET_KEY", f"{SECRET_KEY} {sealed_with}")
    assert finding("sealed contacts")["level"] == "ok"
    monkeypatch.setenv("SERVICE6_SECRET_KEY", f"{sealed_with} {SECRET_KEY}")
    assert "look-ups were made with another key" in finding("sealed contacts")["found"]


def test_doctor_tells_secrets_that_others_can_read(settings: Settings) -> None:
    path = settings.state_dir / "secret-key"
    path.chmod(0o644)
    assert finding("secret-key")["level"] == "warn"
    assert f"chmod 600 {path}" in finding("secret-key")["mend"]
    path.chmod(stat.S_IRUSR)
    assert '"secret-key"' not in service6("doctor", "--json").stdout


@pytest.fixture
def up_elsewhere(settings: Settings) -> Settings:
    """As a `service6 up` leaves it that was started with these variables, and that still runs: it is this process."""
    with redis.Redis.from_url(settings.redis_url) as client:
        client.config_set("maxmemory-policy", "noeviction")
    given = {"SERVICE6_WEBHOOK_SECRET_HUBSPOT": "a-client-secret", "SERVICE6_CRM_TOKEN_HUBSPOT": "pat"}
    file = settings.state_dir / "servers.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text(encoding="utf-8")), **running_stack.note(given)}), encoding="utf-8"
    )
    (settings.state_dir / "lock").write_text(f"{os.getpid()} http://127.0.0.1:8000", encoding="utf-8")
    assert "pat" not in file.read_text(encoding="utf-8")
    return settings


def test_doctor_knows_what_the_running_stack_has_open(up_elsewhere: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE6_SOURCES__HUBSPOT__CRM__WRITE_BACK", "true")
    open_there = finding("webhooks hubspot")
    assert (open_there["level"], open_there["found"]) == (
        "ok",
        "open in the running stack; this shell lacks the variable SERVICE6_WEBHOOK_SECRET_HUBSPOT",
    )
    assert "set in the running stack" in finding("crm hubspot")["found"]
    assert finding("webhooks zoho")["found"].startswith("closed; ")
    (up_elsewhere.state_dir / "lock").write_text("", encoding="utf-8")  # it has ended
    assert finding("webhooks hubspot")["found"].startswith("closed; ")
    assert finding("crm hubspot")["level"] == "bad"
