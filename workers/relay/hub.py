"""Distributes the stream: projects the changes of a flush once, sends them on, and ends sockets that are too slow."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pipeline.errors import TryAgain
from pipeline.metrics import Metrics
from pipeline.redis_store.change_stream import START, StreamOrder, position
from pipeline.settings.sections import RelaySettings
from schemas.event import Position
from schemas.feed import CloseCode, Heartbeat
from workers.relay.feed_changes import FeedChange
from workers.relay.frames import Frame
from workers.relay.replay_buffer import ReplayBuffer
from workers.relay.slice_changes import SliceChange
from workers.relay.subscriber import Subscriber, Waiting, batches, count_frames, dismiss
from workers.relay.subscriber_index import Group, SubscriberIndex

PART = 250  # ordinary changes (see FeedChange.weight) that a socket is sent at once of what it missed
PASSES = 5  # over what came in meanwhile; a feed that outruns them is better read from a snapshot


class Hub:
    """The hub of one event loop; only `join` and `watch` wait, so that others get their turn.

    Times are of a monotonic clock, in seconds.
    """

    def __init__(self, settings: RelaySettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._subscriber_index = SubscriberIndex()
        self._epoch: str | None = None
        self._read: StreamOrder = START
        self._flushed: StreamOrder = START
        self._replay_buffer = ReplayBuffer(settings.ring, START)
        self._unflushed: list[FeedChange] = []
        self._away = False

    @property
    def position(self) -> Position | None:
        """The position up to which the stream was read; None before its first reading."""
        return None if self._epoch is None else position(self._epoch, self._read)

    def begin(self, start: Position, floor: StreamOrder, recent: Iterable[FeedChange]) -> None:
        """Starts to follow the stream at `start`; older subscribers are told to fetch a snapshot."""
        for subscriber in self._subscriber_index:
            self.leave(subscriber)
            dismiss(subscriber.sink, CloseCode.RESET, "reset", "the feed has a gap; fetch a snapshot")
        self._epoch = start.epoch
        self._read = self._flushed = start.order
        self._replay_buffer = ReplayBuffer(self._settings.ring, floor, recent)
        self._unflushed = []

    def take(self, changes: Sequence[FeedChange], until: StreamOrder) -> None:
        """Takes changes from the stream; `until` is where the reading stopped."""
        for change in changes:
            self._replay_buffer.add(change)
        self._unflushed += changes
        self._read = until

    async def join(self, subscriber: Subscriber, after: Position | None, now: float) -> tuple[Position, bool]:
        """Adds a subscriber; returns its position, and whether it resumed there without loss.

        Raises TryAgain before the stream's first reading.
        """
        resumed = after is not None and await self._resume(subscriber, after)
        here = self.position
        if here is None:
            raise TryAgain("the feed has not been read yet")
        if not resumed:
            subscriber.start(here.order)
            self._metrics.relay_resets.inc()
        subscriber.beat_at = now + self._settings.heartbeat_s
        self._subscriber_index.add(subscriber)
        return (after if after and resumed else here), resumed

    def leave(self, subscriber: Subscriber) -> None:
        self._subscriber_index.discard(subscriber)

    async def watch(self, subscriber: Subscriber, leads: Sequence[str]) -> None:
        """Changes the watched leads, and replays what runs changed recently, because the page read them before this."""
        self._subscriber_index.discard(subscriber)
        fresh = subscriber.watch(leads)
        self._subscriber_index.add(subscriber)
        subscriber.open = False  # or a position would go out that is past what it is still to hear
        for change in reversed(
            self._replay_buffer.slices()
        ):  # what an older one told of the same lead need not be made
            subscriber.hear_of(fresh, change)
            await asyncio.sleep(0)
        subscriber.open = True

    def flush(self, now: float) -> None:
        """Distributes what was taken since the last flush."""
        changes, self._unflushed = self._unflushed, []
        self._flushed = self._read
        if not changes:
            return
        self._count(changes)
        touched = self._route(changes)
        for group, members in self._subscriber_index.groups():
            touched |= self._fan_out(group, members, changes, now)
        for subscriber in touched:
            self.catch_up(subscriber, now)

    def catch_up(self, subscriber: Subscriber, now: float) -> None:
        """Writes what waits for the subscriber, or dismisses it if too much does."""
        if self._epoch is None or subscriber not in self._subscriber_index:
            return
        subscriber.flush(self._epoch, self._flushed, now)
        if subscriber.overfull:
            self._dismiss_slow(subscriber)

    def tick(self, now: float, away_s: float | None) -> None:
        """Sends due heartbeats, and closes sockets that were slow for too long.

        Subscribers learn at once that the feed is away, or back.
        """
        turned, self._away = self._away != (away_s is not None), away_s is not None
        for subscriber in self._subscriber_index:
            since = subscriber.stalled_since
            if since is not None and now - since >= self._settings.slow_after_s:
                self._dismiss_slow(subscriber)
            elif (turned or now >= subscriber.beat_at) and subscriber.open:
                subscriber.beat_at = now + self._settings.heartbeat_s
                subscriber.sink.write(self.heartbeat(subscriber, away_s))

    def heartbeat(self, subscriber: Subscriber | None, away_s: float | None) -> Frame:
        """`position` is one from which this subscriber could resume without loss."""
        place = None
        if subscriber and self._epoch is not None:
            place = position(self._epoch, subscriber.safe(self._flushed))
        return Frame(Heartbeat(position=place, away_s=away_s).model_dump_json(exclude_none=True).encode())

    async def _resume(self, subscriber: Subscriber, after: Position) -> bool:
        """Replays what was missed in parts; after each pass, checks what came in meanwhile or left the buffer."""
        subscriber.start(after.order)
        heard = after.order
        for _ in range(PASSES):
            missed = self._replay_buffer.after(heard) if after.epoch == self._epoch else None
            if missed is None:
                return False
            *parts, last = _parts(missed)
            for part in parts:
                subscriber.hear(part)
                if subscriber.overfull:
                    return False
                await asyncio.sleep(0)
            subscriber.hear(last)
            if not parts:
                return not subscriber.overfull
            heard = missed[-1].order
        return False

    def _route(self, changes: Sequence[FeedChange]) -> set[Subscriber]:
        touched = set()
        for change in changes:
            for subscriber in self._subscriber_index.concerned(change):
                if subscriber.hear([change]):
                    touched.add(subscriber)
        return touched

    def _fan_out(
        self, group: Group, members: Sequence[Subscriber], changes: Sequence[FeedChange], now: float
    ) -> set[Subscriber]:
        """Writes the same frames to all members; returns those that did not take all of them."""
        wanted = [change for change in changes if change.topic in group.topics and not isinstance(change, SliceChange)]
        if not wanted:
            return set()
        newest: dict[str, FeedChange] = {}
        for change in wanted:
            held = newest.get(change.key)
            if held is None or held.rev < change.rev:
                newest[change.key] = change
        self._metrics.relay_conflated.inc((len(wanted) - len(newest)) * len(members))
        seen = ((change, change.through(group.view)) for change in newest.values())
        waiting = [Waiting(change, event) for change, event in seen if event is not None]
        waiting.sort(key=lambda entry: entry.change.order)
        built = list(batches(self._epoch or "", self._flushed, waiting))
        behind = set()
        takers = [0] * len(built)
        for subscriber in members:
            written = subscriber.send(built, now)
            for number in range(written):
                takers[number] += 1
            if written < len(built):
                behind.add(subscriber)
        for batch, sockets in zip(built, takers, strict=True):
            count_frames(self._metrics, batch, sockets)
        return behind

    def _count(self, changes: Sequence[FeedChange]) -> None:
        wall = datetime.now(UTC)
        self._metrics.relay_events.inc(len(changes))
        for change in changes:
            self._metrics.relay_lag_seconds.observe((wall - change.at).total_seconds())

    def _dismiss_slow(self, subscriber: Subscriber) -> None:
        self._metrics.relay_slow_closes.inc()
        self.leave(subscriber)
        dismiss(subscriber.sink, CloseCode.TOO_SLOW, "too_slow", "this socket does not read as fast as the feed")


def _parts(changes: Sequence[FeedChange]) -> list[list[FeedChange]]:
    """The changes in parts of bounded weight: at least one, and the last may be empty."""
    parts: list[list[FeedChange]] = [[]]
    weight = 0
    for change in changes:
        if weight >= PART:
            parts.append([])
            weight = 0
        parts[-1].append(change)
        weight += change.weight
    return parts
