"""CRMs that post at a steady rate, whatever happens to the receiver, and a ledger of what it has accepted.

They behave as real ones do: what is refused for a while, not answered or cut off is posted again; some deliveries
arrive twice, or long after later ones; some are given up after a few tries, and then nobody knows whether they arrived.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import httpx2

from tests.chaos.dialects import DIALECTS, Change, Message
from tests.support import crm

ACCEPTED = 202
ANSWER_S = 10.0  # the patience of most vendors
FIRST_RESEND_S, LONGEST_RESEND_S = 0.3, 2.0
OPEN_LEADS = 60  # of each source that changes choose among, so that many meet in one lead
NEW_SHARE = 0.2
LATE_SHARE, LATEST_S = 0.2, 3.0
DOUBLED_SHARE = 0.1
FICKLE_SHARE, FICKLE_TRIES = 0.05, 2  # deliveries that are given up after so many tries
RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass
class Ledger:
    """`accepted`: answered with 202. `doubtful`: given up without that answer. `refused`: told never to come again."""

    accepted: list[Change] = field(default_factory=list)
    doubtful: list[Change] = field(default_factory=list)
    refused: list[tuple[Change, int]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


class Crm:
    """Posts from a thread of its own, from `start` until `drain`; then it may start again."""

    def __init__(self, url: str, *, rate: float, seed: int) -> None:
        self.ledger = Ledger()
        self.sent = 0
        self._url = url
        self._rate = rate
        self._chance = Random(seed)
        self._clock = datetime.now(UTC)
        self._leads = dict.fromkeys(DIALECTS, 0)
        self._under_way: set[asyncio.Task[None]] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    def drain(self, within_s: float) -> None:
        """Posts nothing new; what is under way is posted until it is accepted or given up."""
        assert self._thread is not None
        self._ended.set()
        self._thread.join(within_s)
        assert not self._thread.is_alive(), f"not accepted within {within_s} s: {len(self._under_way)} deliveries"

    def abort(self) -> None:
        """Ends at once, whatever is under way."""
        self._ended.set()
        for task in list(self._under_way):
            with suppress(RuntimeError):  # its loop has ended meanwhile
                task.get_loop().call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join()

    async def _run(self) -> None:
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=20)
        async with httpx2.AsyncClient(
            base_url=self._url, timeout=ANSWER_S, limits=limits, trust_env=False
        ) as self._http:
            loop = asyncio.get_running_loop()
            due = loop.time()
            while not self._ended.is_set():
                self.sent += 1
                due += 1 / self._rate
                task = loop.create_task(self._deliver(self._next(self.sent)))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await asyncio.sleep(due - loop.time())
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _next(self, number: int) -> Message:
        source = self._chance.choice(list(DIALECTS))
        if self._leads[source] == 0 or self._chance.random() < NEW_SHARE:
            self._leads[source] += 1
        newest = self._leads[source]
        lead = self._chance.randint(max(1, newest - OPEN_LEADS), newest)
        # No two have the same time, to the millisecond, or the newer of two values would be anybody's guess.
        self._clock = max(datetime.now(UTC), self._clock + timedelta(milliseconds=1))
        return DIALECTS[source](self._chance, lead, number, self._clock)

    async def _deliver(self, message: Message) -> None:
        if self._chance.random() < LATE_SHARE:
            await asyncio.sleep(self._chance.uniform(0, LATEST_S))
        tries = FICKLE_TRIES if self._chance.random() < FICKLE_SHARE else None
        if self._chance.random() < DOUBLED_SHARE:
            await asyncio.gather(self._insist(message, tries), self._post(message))
        else:
            await self._insist(message, tries)

    async def _insist(self, message: Message, tries: int | None) -> None:
        pause = FIRST_RESEND_S
        tried = 0
        while True:
            status = await self._post(message)
            tried += 1
            if status == ACCEPTED:
                self.ledger.accepted.extend(message.changes)
                return
            if status is not None and status not in RETRIED:
                self.ledger.refused.extend((change, status) for change in message.changes)
                return
            if tried == tries:
                self.ledger.doubtful.extend(message.changes)
                return
            await asyncio.sleep(pause * self._chance.uniform(0.5, 1))
            pause = min(LONGEST_RESEND_S, pause * 2)

    async def _post(self, message: Message) -> int | None:
        """The answer's status; None if there was none."""
        vendor = crm.sample_vendor(message.source)
        try:
            answer = await self._http.post(vendor.path, content=message.body, headers=vendor.signed(message.body))
        except httpx2.TimeoutException:
            self.ledger.answers["none in time"] += 1
        except httpx2.TransportError:
            self.ledger.answers["cut off"] += 1
        else:
            self.ledger.answers[str(answer.status_code)] += 1
            return answer.status_code
        return None
