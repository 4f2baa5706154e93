"""The subscription of one socket, and the changes that wait while it has no room."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.metrics import Metrics
from pipeline.redis_store.change_stream import StreamOrder
from schemas.access import Claims
from schemas.feed import CloseCode, CloseMessage, Topic
from workers.relay.feed_changes import FeedChange, View, message
from workers.relay.frames import Frame, Sink
from workers.relay.slice_changes import SliceChange

FRAME_BYTES = 65_536  # about this much a frame: what a socket has taken can no longer be conflated


class Waiting(NamedTuple):
    change: FeedChange
    event: bytes


class Batch(NamedTuple):
    """A frame that many share, with its changes; a reader that resumes after `until` misses nothing."""

    until: StreamOrder
    frame: Frame
    waiting: Sequence[Waiting]


class Subscriber:
    """Per key only the change with the highest `rev` waits, however late an older one arrives."""

    def __init__(
        self,
        sink: Sink,
        claims: Claims,
        metrics: Metrics,
        *,
        topics: Sequence[Topic],
        leads: Iterable[str] | None,
        watch: Iterable[str] = (),
        pending_limit: int,
    ) -> None:
        self.sink = sink
        self.claims = claims
        self.view = View.of(claims.role)
        self.topics = frozenset(topics)
        self.keys = None if leads is None else frozenset(f"lead:{lead}" for lead in leads)
        self._named = frozenset(map(int, leads or ()))
        self.watched = self._named | frozenset(map(int, watch))
        self.stalled_since: float | None = None
        self.beat_at = 0.0
        # Until its subscription is confirmed everything waits, so that no change comes before the confirmation.
        self.open = False
        self._metrics = metrics
        self._pending: dict[str, Waiting] = {}
        self._pending_limit = pending_limit
        self._safe: StreamOrder = (0, 0)

    def safe(self, flushed: StreamOrder) -> StreamOrder:
        """The position from which it could resume without loss, if the hub has distributed all up to `flushed`."""
        if not self._pending:
            self._safe = max(self._safe, flushed)
        return self._safe

    @property
    def overfull(self) -> bool:
        return len(self._pending) > self._pending_limit

    def watch(self, leads: Iterable[str]) -> frozenset[int]:
        """Replaces the watched leads; returns those that were not watched before."""
        before = self.watched
        self.watched = self._named | frozenset(map(int, leads))
        return self.watched - before

    def hear_of(self, leads: frozenset[int], change: SliceChange) -> None:
        """Keeps the change's parts about these leads, which were not watched when it came."""
        for part in change.of(leads):
            held = self._pending.get(part.key)
            if held is not None and held.change.rev >= part.rev:
                continue
            seen = part.seen_by(self.claims)
            if seen is not None:
                self.keep(Waiting(part, seen))

    def hear(self, changes: Iterable[FeedChange]) -> bool:
        """Keeps the changes that it wants and may see; returns whether there were any."""
        heard = False
        for change in changes:
            for part, event in change.frames_for(self):
                self.keep(Waiting(part, event))
                heard = True
        return heard

    def start(self, after: StreamOrder) -> None:
        """Starts after that position, with nothing waiting."""
        self._safe = after
        self._pending.clear()

    def keep(self, waiting: Waiting) -> None:
        held = self._pending.get(waiting.change.key)
        if held:
            self._metrics.relay_conflated.inc()
        if held is None or held.change.rev < waiting.change.rev:
            self._pending[waiting.change.key] = waiting

    def send(self, built: Sequence[Batch], now: float) -> int:
        """Writes frames that many share, unless older ones wait; keeps the rest. Returns how many it wrote."""
        written = 0
        if self.open and not self._pending:
            for batch in built:
                if not self.sink.write(batch.frame):
                    self._stall(now)
                    break
                self._safe = batch.until
                written += 1
        for batch in built[written:]:
            for waiting in batch.waiting:
                self.keep(waiting)
        return written

    def flush(self, epoch: str, flushed: StreamOrder, now: float) -> None:
        """Writes what waits, as far as there is room, in the stream's order so that each frame's position is safe."""
        if not self._pending or not self.open:
            return
        # Asked first, because building frames that cannot be written would cost the others their time.
        if not self.sink.room:
            self._stall(now)
            return
        for batch in batches(epoch, flushed, sorted(self._pending.values(), key=_order)):
            if not self.sink.write(batch.frame):
                self._stall(now)
                return
            self.stalled_since = None
            self._safe = batch.until
            for waiting in batch.waiting:
                del self._pending[waiting.change.key]
            count_frames(self._metrics, batch, 1)

    def _stall(self, now: float) -> None:
        if self.stalled_since is None:
            self.stalled_since = now


def batches(epoch: str, until: StreamOrder, waiting: Sequence[Waiting]) -> Iterator[Batch]:
    """`waiting` in the stream's order, cut into frames; the last frame's position is `until`."""
    part: list[Waiting] = []
    room = FRAME_BYTES
    for number, entry in enumerate(waiting, start=1):
        part.append(entry)
        room -= len(entry.event)
        last = number == len(waiting)
        if room <= 0 or last:
            end = until if last else entry.change.order
            yield Batch(end, Frame(message(epoch, end, [entry.event for entry in part])), part)
            part, room = [], FRAME_BYTES


def count_frames(metrics: Metrics, batch: Batch, sockets: int) -> None:
    metrics.relay_frames.inc(sockets)
    metrics.relay_bytes.inc(sockets * len(batch.frame.payload))


def dismiss(sink: Sink, code: CloseCode, kind: str, detail: str, retry_after_s: float | None = None) -> None:
    """Sends the reason and closes; a socket without room gets only the code."""
    message_body = CloseMessage(type=kind, detail=detail, retry_after_s=retry_after_s)
    sink.write(Frame(message_body.model_dump_json(exclude_none=True).encode()))
    sink.end(code, kind if retry_after_s is None else f"{kind}; retry-after={retry_after_s:.1f}")


def _order(waiting: Waiting) -> StreamOrder:
    return waiting.change.order
