"""Redis goes away and comes back, and the relay as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.settings.loader import Settings, load
from tests.conftest import directory
from tests.integration.feed.conftest import Database, RelayServer, Start
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with directory() as path:
        server = Valkey(path)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own(settings: Settings, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a Redis that this test may stop."""
    monkeypatch.setenv("REDIS_URL", valkey.url)
    loaded = load(settings.state_dir)
    return loaded.model_copy(update={"relay": loaded.relay.model_copy(update={"heartbeat_s": 0.2, "drain_s": 0.2})})


@pytest.fixture
def relay(own: Settings) -> Iterator[RelayServer]:
    server = RelayServer(own)
    server.start()
    yield server
    server.stop()


def test_an_outage_of_redis_is_told_and_loses_nothing(
    relay: RelayServer, valkey: Valkey, publishers: Start, db: Database
) -> None:
    publishers()
    with relay.reader() as reader:
        reader.subscribe()
        db.save((1, 1))
        reader.changes_until("lead:1", 1)
        valkey.stop()
        eventually(lambda: "away_s" in reader.next("heartbeat"))
        db.save(*((lead, 2) for lead in range(20)))
        valkey.start()
        batches = reader.changes_until("lead:19", 2)
        eventually(lambda: "away_s" not in reader.next("heartbeat"))
    assert {event["key"] for batch in batches for event in batch["events"]} == {f"lead:{lead}" for lead in range(20)}
    eventually(lambda: db.waiting == 0)


def test_without_redis_a_subscriber_is_told_to_come_again(settings: Settings) -> None:
    nowhere = settings.redis.model_copy(update={"url": SecretStr("redis://127.0.0.1:1/0")})
    server = RelayServer(settings.model_copy(update={"redis": nowhere}))
    server.start()
    try:
        with server.reader() as reader:
            reader.say(t="subscribe", topics=["leads"])
            code, reason = reader.closing()
            assert code == 1012
            assert re.fullmatch(r"feed_away; retry-after=[123]\.\d", reason)
    finally:
        server.stop()


def test_the_relay_runs_as_a_process_of_its_own(settings: Settings, state_dir: Path) -> None:
    probe = RelayServer(settings)  # for its free port and its tokens; it is not started
    probe.close()
    port = probe.address.rpartition(":")[2]
    with (state_dir / "relay.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "workers.relay"],
            env={**os.environ, "SERVICE6_API__PORT": port},
            stderr=log,
        )
    try:
        eventually(lambda: _ready(probe), within_s=20)
        with probe.reader() as reader:
            reader.subscribe()
            began = time.monotonic()
            child.send_signal(signal.SIGTERM)
            assert reader.closing()[0] == 1012
        assert child.wait(10) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < 5
    finally:
        child.kill()
        child.wait()


def _ready(probe: RelayServer) -> bool:
    try:
        with probe.stranger():
            return True
    except OSError:
        return False
