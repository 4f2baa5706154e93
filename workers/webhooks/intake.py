"""Group commit: requests that arrive together share one transaction, and one fsync.

Requests wait in a queue with two bounds. One writer takes all that wait, saves them in one transaction and answers
each. While it saves, the next group gathers; so a single request waits for nobody, and a burst makes large groups.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline.errors import Disturbed, GiveUp, TryAgain
from pipeline.log import trace
from pipeline.metrics import Metrics
from pipeline.storage.platform.engine import ANSWERS_AGAIN_S
from pipeline.vendors.parse_result import IgnoredReason
from schemas.lead import LeadChange
from workers.api.errors import QueueFull

logger = logging.getLogger(__name__)

ATTEMPTS = 5  # of a group that another transaction disturbed
RECONNECTED = 2  # the attempt that has a new connection for certain

SaveGroup = Callable[[Sequence[LeadChange], datetime], list[int]]


@dataclass(frozen=True, eq=False)
class PendingWebhook:
    changes: Sequence[LeadChange]
    size: int  # bytes
    answer: "asyncio.Future[None]"


class Intake:
    """`save_group` commits changes in one transaction and returns the leads to score; `enqueue` must not block."""

    def __init__(
        self,
        save_group: SaveGroup,
        enqueue: Callable[[Sequence[int]], None],
        *,
        queue_requests: int,
        queue_bytes: int,
        group_size: int,
        pace_s: float,
        answer_s: float,
        metrics: Metrics,
    ) -> None:
        self._save_group = save_group
        self._enqueue = enqueue
        self._queue_requests = queue_requests
        self._queue_bytes = queue_bytes
        self._group_size = group_size
        self._pace_s = pace_s
        self._answer_s = answer_s
        self._metrics = metrics
        self._waiting: deque[PendingWebhook] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Saves what was accepted, then ends."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        while self._waiting:
            await self._save(self._take())
        self._thread.shutdown()

    async def submit(self, changes: Sequence[LeadChange], size: int) -> None:
        """Waits until the changes are durable. Raises QueueFull, TryAgain (PostgreSQL away) or GiveUp (bad values).

        Also raises TryAgain if that is not known in time; the changes may be saved all the same; a repeat is harmless.
        """
        if len(self._waiting) >= self._queue_requests or self._waiting_bytes + size > self._queue_bytes:
            raise QueueFull("more webhooks wait than are held in memory; send it again")
        request = PendingWebhook(changes, size, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._waiting_bytes += size
        self._arrived.set()
        try:
            async with asyncio.timeout(self._answer_s):
                await request.answer
        except TimeoutError:
            self._forget(request)
            raise TryAgain("PostgreSQL does not answer in time; send it again", after_s=ANSWERS_AGAIN_S) from None

    def _forget(self, request: PendingWebhook) -> None:
        """Removes a request that was answered while it waited; its vendor will send it again."""
        with suppress(ValueError):
            self._waiting.remove(request)
            self._waiting_bytes -= request.size

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                began = time.monotonic()
                # A stop must not leave a group half answered.
                await asyncio.shield(self._save(self._take()))
                await asyncio.sleep(max(0.0, self._pace_s - (time.monotonic() - began)))

    def _take(self) -> list[PendingWebhook]:
        """Takes requests with about as many changes as a group may have; those of one request stay together."""
        group: list[PendingWebhook] = []
        changes = 0
        while self._waiting and changes < self._group_size:
            group.append(self._waiting.popleft())
            changes += len(group[-1].changes)
        self._waiting_bytes -= sum(request.size for request in group)
        return group

    async def _save(self, group: Sequence[PendingWebhook]) -> None:
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._thread, self._save_or_bisect, group, datetime.now(UTC))
        for request, error in zip(group, answers, strict=True):
            if request.answer.done():  # its client went away
                continue
            if error is None:
                request.answer.set_result(None)
            else:
                request.answer.set_exception(error)

    def _save_or_bisect(self, group: Sequence[PendingWebhook], received_at: datetime) -> list[Exception | None]:
        """Saves the group, bisecting it unless PostgreSQL is away; one answer a request."""
        changes = [change for request in group for change in request.changes]
        try:
            self._enqueue(self._commit(changes, received_at))
        except TryAgain as error:
            return [error] * len(group)
        except Exception as error:
            if len(group) > 1:
                middle = len(group) // 2
                return self._save_or_bisect(group[:middle], received_at) + self._save_or_bisect(
                    group[middle:], received_at
                )
            if len(changes) > 1:
                return [self._save_parts(group[0], received_at)]
            if not isinstance(error, GiveUp):
                logger.error("a change could not be saved", extra={"trace": trace(error)})
            return [error]
        return [None] * len(group)

    def _save_parts(self, request: PendingWebhook, received_at: datetime) -> Exception | None:
        """Saves what is possible of one request; it is accepted if anything was, as a repeat would change nothing."""
        middle = len(request.changes) // 2
        halves = [replace(request, changes=part) for part in (request.changes[:middle], request.changes[middle:])]
        answers = [answer for half in halves for answer in self._save_or_bisect([half], received_at)]
        away = next((answer for answer in answers if isinstance(answer, TryAgain)), None)
        if away is None and None in answers:
            refused = [half for half, answer in zip(halves, answers, strict=True) if answer is not None]
            for change in (change for half in refused for change in half.changes):
                self._metrics.webhook_ignored.labels(change.source, IgnoredReason.REFUSED).inc()
            return None
        return away or answers[0]

    def _commit(self, changes: Sequence[LeadChange], received_at: datetime) -> list[int]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                lead_ids = self._save_group(changes, received_at)
            except Disturbed:
                if attempt == ATTEMPTS:
                    raise
            except TryAgain:
                # The connection may have died long ago; a new one tells whether PostgreSQL is away.
                if attempt == RECONNECTED:
                    raise
            else:
                self._metrics.intake_groups.inc()
                self._metrics.intake_changes.inc(len(changes))
                return lead_ids
        raise AssertionError("unreachable")
