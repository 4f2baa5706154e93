"""The recent changes that a socket can resume from."""

from collections import deque
from collections.abc import Iterable

from pipeline.redis_store.change_stream import StreamOrder
from workers.relay.feed_changes import FeedChange
from workers.relay.slice_changes import SliceChange


class ReplayBuffer:
    """Holds every change above `floor`; together they weigh no more than `size`."""

    def __init__(self, size: int, floor: StreamOrder, changes: Iterable[FeedChange] = ()) -> None:
        self._size = size
        self._floor = floor
        self._changes: deque[FeedChange] = deque()
        self._slices: deque[SliceChange] = deque()  # those of the changes that are one
        self._weight = 0
        for change in changes:
            self.add(change)

    def add(self, change: FeedChange) -> None:
        self._changes.append(change)
        if isinstance(change, SliceChange):
            self._slices.append(change)
        self._weight += change.weight
        while self._weight > self._size:
            self._drop()

    def after(self, order: StreamOrder) -> list[FeedChange] | None:
        """All changes above `order`, oldest first; None if some of them are gone."""
        if order < self._floor:
            return None
        newest_first = []
        for change in reversed(self._changes):
            if change.order <= order:
                break
            newest_first.append(change)
        return newest_first[::-1]

    def slices(self) -> list[SliceChange]:
        """What runs changed, oldest first."""
        return list(self._slices)

    def _drop(self) -> None:
        """Drops the oldest entry, with all its changes."""
        self._floor = self._changes[0].order
        while self._changes and self._changes[0].order == self._floor:
            gone = self._changes.popleft()
            self._weight -= gone.weight
            if isinstance(gone, SliceChange):
                self._slices.popleft()
