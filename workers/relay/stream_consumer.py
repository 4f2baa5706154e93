"""Follows the end of the stream, once per process, and passes changes to the hub."""

import asyncio
import logging
from contextlib import suppress

from pipeline.errors import TryAgain
from pipeline.redis_store.change_stream import START, ChangeStreamReader, StreamState
from pipeline.settings.sections import RelaySettings
from schemas.event import Position
from workers.relay import event_kinds
from workers.relay.hub import Hub

READ_COUNT = 500  # entries a read
CHECK_S = 1.0  # how often, while nothing comes, it makes sure that the stream is still whole
ANSWER_S = CHECK_S + 2  # a Redis that takes longer to answer hangs
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 2.0

logger = logging.getLogger(__name__)


class StreamConsumer:
    def __init__(self, reader: ChangeStreamReader, hub: Hub, settings: RelaySettings) -> None:
        self._reader = reader
        self._hub = hub
        self._settings = settings
        self._away = False
        self._heard_at = 0.0
        self._first_reading = asyncio.Event()

    @property
    def away_s(self) -> float | None:
        """Seconds since the stream's last answer while it is out of reach; None otherwise."""
        return round(asyncio.get_running_loop().time() - self._heard_at, 1) if self._away else None

    async def run(self) -> None:
        """Follows the stream until it is cancelled, across any absence of Redis."""
        clock = asyncio.get_running_loop().time
        backoff_s = FIRST_BACKOFF_S
        self._heard_at = clock()
        while True:
            try:
                await self._check_position()
                self._away = False
                backoff_s = FIRST_BACKOFF_S
                await self._follow()
            except TryAgain as error:
                logger.warning("the feed is interrupted: %s", error)
            except Exception:
                # Dashboards that see nothing move are worse than a fault that repeats in the log.
                logger.exception("the feed is interrupted")
            self._away = True
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def begun(self, within_s: float) -> bool:
        """Whether the stream was read in that time, so that sockets can subscribe."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._first_reading.wait(), within_s)
        return self._first_reading.is_set()

    async def gap_after(self, since: Position) -> str | None:
        return (await self._reader.state()).gap_after(since)

    async def _state(self) -> StreamState:
        state = await self._reader.state()
        self._heard_at = asyncio.get_running_loop().time()
        return state

    async def _check_position(self) -> None:
        state = await self._state()
        position = self._hub.position
        if position is None:
            await self._begin(state)
        elif gap := state.gap_after(position):
            await self._reset(state, gap)

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        while position := self._hub.position:
            arrivals = await self._reader.read(position.order, count=READ_COUNT, block_ms=int(CHECK_S * 1000))
            # Checked after the reading, so that a trim or a restart of the stream before it shows now.
            state = await self._state()
            if gap := state.gap_after(position):
                await self._reset(state, gap)
            elif arrivals:
                self._hub.take(event_kinds.read(arrivals), arrivals[-1].order)
                self._hub.flush(clock())
                # At once when idle; under traffic what comes in this time goes out together.
                behind = len(arrivals) == READ_COUNT
                await asyncio.sleep(0 if behind else self._settings.flush_ms / 1000)

    async def _reset(self, state: StreamState, gap: str) -> None:
        logger.warning("every subscription is reset: %s", gap)
        await self._begin(state)

    async def _begin(self, state: StreamState) -> None:
        arrivals, are_all = await self._reader.recent(state.last, self._settings.ring)
        floor = state.floor
        if arrivals and (not are_all or floor > START):
            floor = arrivals[0].order
        self._hub.begin(state.position, floor, event_kinds.read(arrivals))
        self._first_reading.set()
