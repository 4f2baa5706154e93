"""The recent changes that a socket can resume from."""

from collections import deque
from collections.abc import Iterable

from pipeline.stream import Order
from workers.feed.changes import Change


class Ring:
    """Holds every change above `floor`, and at most `size` of them."""

    def __init__(self, size: int, floor: Order, changes: Iterable[Change] = ()) -> None:
        self._size = size
        self._floor = floor
        self._changes: deque[Change] = deque()
        for change in changes:
            self.add(change)

    def add(self, change: Change) -> None:
        if len(self._changes) == self._size:
            self._floor = self._changes.popleft().order
        self._changes.append(change)

    def after(self, order: Order) -> list[Change] | None:
        """All changes above `order`, oldest first; None if some of them are gone."""
        if order < self._floor:
            return None
        found = []
        for change in reversed(self._changes):
            if change.order <= order:
                break
            found.append(change)
        return found[::-1]
