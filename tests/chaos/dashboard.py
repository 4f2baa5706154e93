"""A dashboard as the feed's protocol wants it: signs in, subscribes, resumes, reads everything again after a reset."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import ClientConnection, connect

from schemas.feed import PATH

Message = dict[str, Any]
OPENING_S = 10.0
HEARTBEATS = 2.5  # of silence, after which a socket counts as dead
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.2, 2.0
PAGE = 500


class Shown(NamedTuple):
    rev: int
    score: float
    tier: str


class Lost(Exception):
    """The connection is of no use any more."""


class Dashboard:
    """`shown`: each lead as it stands on the screen. `frames`: the score that the feed told for (lead, rev).

    `live_at`: the time of the newest change that came by the feed, and not by a reading.
    """

    def __init__(self, address: str, token: Callable[[], str]) -> None:
        self.shown: dict[int, Shown] = {}
        self.frames: dict[tuple[int, int], float] = {}
        self.contradictions: list[str] = []
        self.live_at: datetime | None = None
        self.connections = 0
        self.resets = 0
        self._address = address
        self._token = token
        self._position: Message | None = None
        self._chance = Random(1)
        self._ended = threading.Event()
        self._socket: ClientConnection | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._socket is not None:
            self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        pause = FIRST_BACKOFF_S
        while not self._ended.is_set():
            with suppress(Lost, OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                for message in self._messages():
                    self._hear(message)
                    pause = FIRST_BACKOFF_S
            self._ended.wait(self._chance.uniform(0, pause))
            pause = min(LONGEST_BACKOFF_S, pause * 2)

    def _messages(self) -> Iterator[Message]:
        """Of one connection, until it ends."""
        url = f"ws://{self._address}{PATH}"
        with connect(url, compression=None, open_timeout=OPENING_S, close_timeout=1, proxy=None) as self._socket:
            silence_s = self._enter(self._socket)
            while not self._ended.is_set():
                yield json.loads(self._socket.recv(timeout=silence_s))

    def _enter(self, socket: ClientConnection) -> float:
        """Subscribes; how long the relay may be silent from now on."""
        socket.send(json.dumps({"t": "auth", "token": self._token()}))
        ready = self._next(socket, "ready")
        if self._position is None:
            self._position = self._read_all()
        socket.send(json.dumps({"t": "subscribe", "topics": ["leads"], "leads": None, "position": self._position}))
        subscribed = self._next(socket, "subscribed")
        self.connections += 1
        if not subscribed["resumed"]:
            self.resets += 1
            self._position = None  # until all is read: a resumption from there would miss what this reading was for
            self._read_all()
            self._position = subscribed["position"]
        return float(ready["heartbeat_s"]) * HEARTBEATS

    def _next(self, socket: ClientConnection, kind: str) -> Message:
        message: Message = json.loads(socket.recv(timeout=OPENING_S))
        if message["t"] != kind:
            raise Lost(message)
        return message

    def _hear(self, message: Message) -> None:
        if message["t"] == "changes":
            for event in message["events"]:
                if event["kind"] == "score":
                    self._frame(event)
        position = message.get("position")
        if position and self._advances(position):
            self._position = position

    def _advances(self, position: Message) -> bool:
        if self._position is None or self._position["epoch"] != position["epoch"]:
            return True
        return _order(position) > _order(self._position)

    def _frame(self, event: Message) -> None:
        lead, rev, score = int(event["body"]["id"]), int(event["rev"]), event["body"]["score"]
        before = self.frames.setdefault((lead, rev), score["score"])
        if before != score["score"]:
            self.contradictions.append(f"the feed told {before} and {score['score']} for lead {lead} rev {rev}")
        at = datetime.fromisoformat(event["at"])
        self.live_at = max(self.live_at or at, at)
        self._show(lead, rev, score)

    def _show(self, lead: int, rev: int, score: Message) -> None:
        if lead not in self.shown or rev > self.shown[lead].rev:
            self.shown[lead] = Shown(rev, score["score"], score["tier"])

    def _read_all(self) -> Message | None:
        """All leads, page after page; the position at which the first page was read."""
        position: Message | None = None
        cursor = None
        headers = {"Authorization": f"Bearer {self._token()}"}
        with httpx2.Client(base_url=f"http://{self._address}", timeout=OPENING_S, trust_env=False) as http:
            while True:
                query = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
                try:
                    answer = http.get("/api/v1/leads", params=query, headers=headers).raise_for_status().json()
                except httpx2.HTTPError as error:
                    raise Lost(error) from error
                if cursor is None:
                    position = answer["position"]
                for lead in answer["leads"]:
                    self._show(int(lead["id"]), lead["score"]["rev"], lead["score"])
                cursor = answer["next_cursor"]
                if not cursor:
                    return position


def _order(position: Message) -> tuple[int, int]:
    ms, _, sequence = position["id"].partition("-")
    return int(ms), int(sequence)
