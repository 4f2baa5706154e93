"""A relay on a real socket, publishers, and hands that write to the stream and the outbox."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipeline.metrics import Metrics
from pipeline.redis_store import redis_client
from pipeline.redis_store.change_stream import ChangeStream
from pipeline.security import tokens
from pipeline.settings.loader import Settings
from pipeline.settings.sections import RedisSettings
from schemas.access import Role
from schemas.feed import PATH
from tests.integration.feed.publishing import Database
from tests.support.feed import scored
from tests.support.waiting import eventually
from workers import publisher
from workers.relay.app import create_relay
from workers.server import server_options

Message = dict[str, Any]
PATIENCE_S = 20.0


class Reader:
    """A client of the relay: says, and listens for messages of a kind."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[str] = []

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def next(self, *kinds: str) -> Message:
        """The next message of one of these kinds; others are passed over."""
        while True:
            text = self.socket.recv(timeout=PATIENCE_S)
            assert isinstance(text, str)
            self.heard.append(text)
            message: Message = json.loads(text)
            if message["t"] in kinds:
                return message

    def subscribe(
        self,
        position: Message | None = None,
        leads: list[str] | None = None,
        topics: tuple[str, ...] = ("leads",),
    ) -> Message:
        self.say(t="subscribe", topics=topics, leads=leads, position=position)
        return self.next("subscribed")

    def changes_until(self, key: str, rev: int) -> list[Message]:
        """All batches up to and with the one that brings this revision."""
        batches = []
        while True:
            batches.append(self.next("changes"))
            if any((event["key"], event["rev"]) == (key, rev) for event in batches[-1]["events"]):
                return batches

    def closing(self) -> tuple[int, str]:
        """How the relay closes it: code and reason."""
        with suppress(ConnectionClosed):
            while True:
                self.heard.append(str(self.socket.recv(timeout=PATIENCE_S)))
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


class RelayServer:
    def __init__(self, settings: Settings, *, prebuilt: bool = True) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        options = server_options(settings)
        if not prebuilt:
            del options["ws"]  # the server's own protocol, which offers nothing
        config = uvicorn.Config(create_relay(settings, Metrics(self.registry)), **options)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._listener = listener

    def start(self) -> None:
        self._thread.start()
        eventually(lambda: self._server.started)

    def ask_to_stop(self) -> None:
        self._server.should_exit = True

    def stop(self) -> None:
        self.ask_to_stop()
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.close()

    def close(self) -> None:
        self._listener.close()

    def token(
        self, role: Role = Role.ADMIN, *, sub: str = "ann", owners: tuple[str, ...] = (), seconds: float = 600
    ) -> str:
        return tokens.mint(
            self.settings.secret_key.get_secret_value(),
            role=role,
            sub=sub,
            owners=owners,
            lifetime=timedelta(seconds=seconds),
            now=datetime.now(UTC),
        )

    @contextmanager
    def stranger(self, query: str = "", **options: Any) -> Iterator[Reader]:
        """Connected, and has not said who it is."""
        with connect(
            f"ws://{self.address}{PATH}{query}", compression=None, close_timeout=1, proxy=None, **options
        ) as opened:
            yield Reader(opened)

    @contextmanager
    def reader(
        self, role: Role = Role.ADMIN, *, sub: str = "ann", owners: tuple[str, ...] = (), **options: Any
    ) -> Iterator[Reader]:
        with self.stranger(**options) as reader:
            reader.say(t="auth", token=self.token(role, sub=sub, owners=owners))
            reader.next("ready")
            yield reader

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    def metric(self, name: str) -> float:
        return self.registry.get_sample_value(f"service6_{name}") or 0.0


StartRelay = Callable[..., RelayServer]


@pytest.fixture
def relays(settings: Settings) -> Iterator[StartRelay]:
    """Starts a relay; other arguments overlay the settings of its section."""
    with ExitStack() as started:

        def start(
            *, prebuilt: bool = True, redis_url: str | None = None, origins: tuple[str, ...] = (), **overlay: Any
        ) -> RelayServer:
            section = settings.relay.model_copy(update={"drain_s": 0.2, **overlay})
            api = settings.api.model_copy(update={"origins": origins})
            redis = RedisSettings(url=SecretStr(redis_url)) if redis_url else settings.redis
            services = settings.model_copy(update={"relay": section, "redis": redis, "api": api})
            server = RelayServer(services, prebuilt=prebuilt)
            server.start()
            started.callback(server.stop)
            return server

        yield start


@pytest.fixture
def relay(relays: StartRelay) -> RelayServer:
    return relays()


@pytest.fixture
def feed(settings: Settings) -> Iterator[ChangeStream]:
    with redis_client.connect(settings.redis_url) as client:
        yield ChangeStream(client, settings.stream.key, settings.stream.length)


Publish = Callable[..., None]


@pytest.fixture
def publish(feed: ChangeStream) -> Publish:
    """Appends score changes as the publisher would: arguments are those of `scored`, one dict each."""

    def append(*changes: dict[str, Any]) -> None:
        feed.append([publisher.entry(scored(**change)) for change in changes])

    return append


@pytest.fixture
def db(database: str) -> Database:
    return Database(database)


@pytest.fixture
def published(settings: Settings, feed: ChangeStream) -> Callable[[], list[tuple[str, int]]]:
    """(key, rev) of all that is in the stream, in its order."""

    def look() -> list[tuple[str, int]]:
        with redis_client.connect(settings.redis_url) as client:
            events = [orjson.loads(fields[b"event"]) for _, fields in client.xrange(settings.stream.key)]
        return [(one["key"], one["rev"]) for one in events]

    return look


Published = Callable[[], list[tuple[str, int]]]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def publishers(settings: Settings, state_dir: Path) -> Iterator[Start]:
    """Starts a publisher process and ends it with the test."""
    with ExitStack() as stack:

        def start(**environment: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((state_dir / "publisher.log").open("ab"))
            child = subprocess.Popen(
                [sys.executable, "-m", "workers.publisher"],
                env={**os.environ, **environment},
                stderr=log,
            )
            stack.callback(child.wait)
            stack.callback(child.kill)
            return child

        yield start
