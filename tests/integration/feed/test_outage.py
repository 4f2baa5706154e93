"""Redis goes away and comes back, and the relay as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from pipeline.settings.loader import Settings, load
from tests.conftest import directory
from tests.integration.feed.conftest import Database, RelayServer, Start
from tests.integration.feed.publishing import LEADER
from tests.support.serving import process
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


BACK_S = 10  # within which the feed goes on, once its server does


@pytest.mark.parametrize("end", ["goes on", "is replaced"])
def test_a_server_that_hangs_is_told_and_the_feed_goes_on_after_it(
    relay: RelayServer, valkey: Valkey, publishers: Start, db: Database, end: str
) -> None:
    publishers()
    with relay.reader() as reader, frozen(valkey) as pids:
        reader.subscribe()
        for rev in (1, 2, 3):
            db.save((1, rev))
            reader.changes_until("lead:1", rev)
            signal_all(pids, signal.SIGSTOP)
            away_s = eventually(lambda: reader.next("heartbeat").get("away_s"))
            # Counted from its last answer, and told on and on.
            assert away_s >= 2
            assert reader.next("heartbeat")["away_s"] >= away_s
            db.save((rev * 10, 1))
            began = time.monotonic()
            if end == "is replaced" and rev == 3:
                signal_all(pids, signal.SIGKILL)
                valkey.stop()
                valkey.start()
            else:
                signal_all(pids, signal.SIGCONT)
            reader.changes_until(f"lead:{rev * 10}", 1)
            assert time.monotonic() - began < BACK_S
            eventually(lambda: "away_s" not in reader.next("heartbeat"))
    eventually(lambda: db.waiting == 0)


def test_processes_that_are_asked_to_end_do_so_while_the_server_hangs(
    own: Settings, valkey: Valkey, publishers: Start, db: Database
) -> None:
    probe = RelayServer(own)  # for its free port and its tokens; it is not started
    probe.close()
    port = probe.address.rpartition(":")[2]
    with process("relay", ("workers.relay",), own, SERVICE6_API__PORT=port) as relay, frozen(valkey) as pids:
        publisher = publishers()
        eventually(lambda: db.one(LEADER) == 1)
        eventually(lambda: _ready(probe), within_s=20)
        with probe.reader() as reader:
            reader.subscribe()
            signal_all(pids, signal.SIGSTOP)
            db.save((1, 1))  # so that the publisher waits for an answer
            began = time.monotonic()
            publisher.terminate()
            os.kill(relay.pid, signal.SIGTERM)
            assert reader.closing()[0] == 1012
            assert publisher.wait(BACK_S) == 0
            eventually(lambda: not relay.alive, within_s=BACK_S)
            assert time.monotonic() - began < 2 * BACK_S


def test_a_relay_that_starts_while_the_server_hangs_serves_as_soon_as_it_goes_on(own: Settings, valkey: Valkey) -> None:
    with frozen(valkey) as pids:
        signal_all(pids, signal.SIGSTOP)
        server = RelayServer(own)
        server.start()
        try:
            with server.reader() as reader:
                reader.say(t="subscribe", topics=["leads"])
                assert reader.closing()[0] == 1012
            signal_all(pids, signal.SIGCONT)
            eventually(lambda: _subscribes(server), within_s=2 * BACK_S)
        finally:
            server.stop()


def _subscribes(server: RelayServer) -> bool:
    with server.reader() as reader:
        reader.say(t="subscribe", topics=["leads"])
        return bool(reader.next("subscribed", "error")["t"] == "subscribed")


@contextmanager
def frozen(valkey: Valkey) -> Iterator[list[int]]:
    """Its processes; none of them stays stopped."""
    assert valkey.run is not None
    server = psutil.Process(valkey.run.child.pid)
    pids = [server.pid, *(child.pid for child in server.children(recursive=True))]
    try:
        yield pids
    finally:
        signal_all(pids, signal.SIGCONT)


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


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
