"""A client of the live feed that says what no browser would: raw frames, without end."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import numpy as np
import orjson
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection, connect

from pipeline.redis_store.change_stream import ChangeStream, StreamEntry
from pipeline.redis_store.changed_leads import ChangedLeads, pack
from pipeline.security import tokens
from pipeline.settings.loader import Settings
from pipeline.storage.operations.outbox import OutboxRow
from schemas.access import Role
from schemas.feed import PATH
from schemas.run import LeadFilter, Run, RunState
from tests.support.feed import scored
from workers import publisher

PATIENCE_S = 30.0
NOW = datetime.now(UTC)

Message = dict[str, Any]


def token(settings: Settings, sub: str) -> str:
    key = settings.secret_key.get_secret_value()
    return tokens.mint(key, role=Role.ADMIN, sub=sub, lifetime=timedelta(hours=1), now=datetime.now(UTC))


@contextmanager
def stranger(url: str, *, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    address = f"{url.replace('http', 'ws', 1)}{PATH}{query}"
    with connect(address, compression=None, proxy=None, close_timeout=1, **options) as opened:
        yield opened


@contextmanager
def reader(url: str, settings: Settings, sub: str, **options: Any) -> Iterator[ClientConnection]:
    with stranger(url, **options) as opened:
        say(opened, t="auth", token=token(settings, sub))
        hear(opened, "ready")
        yield opened


def say(opened: ClientConnection, **message: Any) -> None:
    opened.send(json.dumps(message))


def hear(opened: ClientConnection, *kinds: str) -> Message:
    """The next message of one of these kinds."""
    while True:
        message: Message = json.loads(opened.recv(timeout=PATIENCE_S))
        if message["t"] in kinds:
            return message


def closing(opened: ClientConnection, within_s: float = PATIENCE_S) -> tuple[int | None, str]:
    with suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=within_s)
    return opened.close_code, opened.close_reason or ""


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, final: bool = True) -> bytes:
    """As a client sends it, masked with zeros."""
    head = bytes([final << 7 | opcode])
    mask = bytes(4)
    if len(payload) < 126:
        return head + bytes([0x80 | len(payload)]) + mask + payload
    return head + struct.pack(">BH", 0x80 | 126, len(payload)) + mask + payload


@contextmanager
def loop(opened: ClientConnection, said: bytes) -> Iterator[None]:
    """Sends it as fast as the other end takes it, until the context or the connection ends."""
    stop = Event()

    def send() -> None:
        with suppress(OSError):
            while not stop.is_set():
                opened.socket.sendall(said)

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with suppress(OSError):
            opened.socket.shutdown(2)
        thread.join()


def fill(stream: ChangeStream, *, scores: int, slices: int, leads: Sequence[int]) -> None:
    """What sockets can resume from: scores of few leads, and runs that changed all of these."""
    told = [publisher.entry(scored(number % 4000, number)) for number in range(scores)]
    for start in range(0, scores, 500):
        stream.append(told[start : start + 500])
    for rev in range(1, slices + 1):
        stream.append([_slice(leads, rev)])


def _slice(leads: Sequence[int], rev: int) -> StreamEntry:
    count = len(leads)
    changed = ChangedLeads(
        ids=np.array(leads),
        revs=np.full(count, rev),
        scores=np.full(count, 61.3, np.float32),
        previous=np.full(count, 42.5, np.float32),
        tiers=np.full(count, b"B"),
        owners=np.zeros(count, np.uint16),
        names=(None,),
    )
    run = Run(
        id="1", state=RunState.RUNNING, reason="operator", actor="ada", filter=LeadFilter(), model_version="m",
        as_of=NOW, rate=None, created_at=NOW, finished_at=None, error=None, leads_total=10, leads_done=3,
        leads_changed=3, tiers_changed=1, leads_per_second=9.5, seconds_left=1.0, rev=rev,
    )  # fmt: skip
    body = orjson.dumps({"run": run.model_dump(mode="json"), "leads": pack(changed)}).decode()
    return publisher.entry(OutboxRow(1, "slice", "run:1", rev, NOW, None, None, None, body))
