"""The change feed in Redis: a stream, and an epoch that says whether it is still the same stream."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import redis.asyncio
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from pipeline.redis_store.redis_client import translated
from schemas.event import Position

StreamOrder = tuple[int, int]

START: StreamOrder = (0, 0)
RECENT_PART = 500  # entries a request
RECENT_BYTES = 64 << 20  # of entries that a reader may ask for at once
KEPT_S = 86_400
# Epoch and entries in one step: a flush between the two would leave entries that bear an epoch of the past.
APPEND = """
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = ARGV[2]
  redis.call('SET', KEYS[2], epoch)
end
-- Nobody resumes from an entry that is a day old, and the entries of runs are large.
redis.call('XTRIM', KEYS[1], 'MINID', '~', (redis.call('TIME')[1] - KEPT_S) * 1000)
for i = 3, #ARGV, 2 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'epoch', epoch, 'event', ARGV[i], 'routing', ARGV[i + 1])
end
""".replace("KEPT_S", str(KEPT_S))


class StreamEntry(NamedTuple):
    """A change to append: JSON of schemas.event.Event and of schemas.event.Routing."""

    event: bytes
    routing: bytes


class StreamArrival(NamedTuple):
    """An entry as it was read from the stream."""

    order: StreamOrder
    epoch: str
    event: bytes
    routing: bytes


class StreamState(NamedTuple):
    """Where the feed ends, and from where it is complete: `floor` is the lowest order to read after."""

    epoch: str
    floor: StreamOrder
    last: StreamOrder

    @property
    def position(self) -> Position:
        return position(self.epoch, self.last)

    def gap_after(self, since: Position) -> str | None:
        """Why reading on from `since` would miss entries; None if it would not."""
        if since.epoch != self.epoch:
            return "the feed started over"
        if since.order > self.last:
            return "the feed was set back to an earlier state"
        if since.order < self.floor:
            return "the feed no longer holds what came after this position"
        return None


class ChangeStream:
    """The feed for the publisher, which writes it, and the API. All methods but `hint` may raise TryAgain."""

    def __init__(self, client: Redis, key: str, length: int) -> None:
        self._redis = client
        self._key = key
        self._length = length
        self._append = client.register_script(APPEND)

    def append(self, entries: Sequence[StreamEntry]) -> None:
        """Adds them in this order and trims the feed to about its length."""
        parts = [part for entry in entries for part in entry]
        with translated():
            self._append(
                keys=[self._key, _epoch_key(self._key)],
                args=[self._length, _new_epoch(), *parts],
            )

    def state(self) -> StreamState:
        candidate = _new_epoch()
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(_epoch_key(self._key), candidate, nx=True, get=True)
            pipe.xinfo_stream(self._key)
            return _state(candidate, pipe.execute(raise_on_error=False))

    def position(self) -> Position:
        """The feed's end: a subscription from here misses nothing that is appended from now on."""
        return self.state().position

    def hint(self) -> None:
        """Wakes the publisher. A failure is no error, because it would find the rows anyway, only later."""
        with suppress(RedisError):
            self._redis.publish(_hint_channel(self._key), b"")

    @contextmanager
    def hints(self) -> Iterator[Hints]:
        """Listens for hints as long as the context lasts."""
        with translated(), self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(_hint_channel(self._key))
            yield Hints(pubsub)


class Hints:
    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def wait(self, timeout_s: float) -> None:
        """Returns with the first hint, or after the timeout."""
        with translated():
            self._pubsub.get_message(timeout=timeout_s)

    def forget(self) -> None:
        """Drops the hints that piled up: one look at the outbox answers them all."""
        with translated():
            while self._pubsub.get_message():
                pass


class ChangeStreamReader:
    """The feed for the relay, which reads it. Every method may raise TryAgain."""

    def __init__(self, client: redis.asyncio.Redis, key: str) -> None:
        self._redis = client
        self._key = key

    async def state(self) -> StreamState:
        candidate = _new_epoch()
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(_epoch_key(self._key), candidate, nx=True, get=True)
            pipe.xinfo_stream(self._key)
            return _state(candidate, await pipe.execute(raise_on_error=False))

    async def read(self, after: StreamOrder, *, count: int, block_ms: int) -> list[StreamArrival]:
        """At most `count` entries above `after`, oldest first; waits `block_ms` for the first of them."""
        with translated():
            streams: Any = await self._redis.xread({self._key: text(after)}, count=count, block=block_ms)
        return [_arrival(*raw) for _, entries in streams for raw in entries]

    async def recent(self, until: StreamOrder, count: int) -> tuple[list[StreamArrival], bool]:
        """The newest entries up to and with `until`, oldest first, `count` or `RECENT_BYTES` of them at most; and
        whether there are no older ones."""
        newest_first: list[StreamArrival] = []
        end = text(until)
        size = 0
        while len(newest_first) < count and size < RECENT_BYTES:
            # In parts, so that the event loop can do other work between them.
            part = min(RECENT_PART, count - len(newest_first))
            with translated():
                entries: Any = await self._redis.xrevrange(self._key, max=end, count=part)
            older = [_arrival(*raw) for raw in entries]
            newest_first += older
            size += sum(len(arrival.event) for arrival in older)
            if len(entries) < part:
                return newest_first[::-1], True
            end = f"({text(newest_first[-1].order)}"
        return newest_first[::-1], False


def position(epoch: str, order: StreamOrder) -> Position:
    return Position(epoch=epoch, id=text(order))


def text(order: StreamOrder) -> str:
    return f"{order[0]}-{order[1]}"


def _order(raw: bytes) -> StreamOrder:
    ms, _, seq = raw.partition(b"-")
    return int(ms), int(seq)


def _arrival(entry_id: bytes, fields: dict[bytes, bytes]) -> StreamArrival:
    return StreamArrival(_order(entry_id), fields[b"epoch"].decode(), fields[b"event"], fields[b"routing"])


def _state(candidate: str, answers: list[Any]) -> StreamState:
    previous, stream = answers
    if isinstance(previous, Exception):
        raise previous
    epoch = previous.decode() if previous else candidate
    if isinstance(stream, ResponseError):  # no such key: nothing was ever appended
        return StreamState(epoch, START, START)
    last = _order(stream["last-generated-id"])
    floor = _order(stream["max-deleted-entry-id"])
    if stream["entries-added"] > stream["length"]:
        # The stream was trimmed. The entry before the first one is not known, so only the first itself is safe.
        first = stream["first-entry"]
        floor = max(floor, _order(first[0]) if first else last)
    return StreamState(epoch, floor, last)


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _epoch_key(key: str) -> str:
    return f"{key}:epoch"


def _hint_channel(key: str) -> str:
    return f"{key}:hint"
