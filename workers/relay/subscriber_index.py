"""Finds the subscribers that a change concerns by index, without asking all of them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.feed import Topic
from workers.relay.feed_changes import FeedChange, View
from workers.relay.slice_changes import SliceChange
from workers.relay.subscriber import Subscriber

K = TypeVar("K")


class Group(NamedTuple):
    """Readers of the same topics that see every lead in the same way get the same frames."""

    view: View
    topics: frozenset[Topic]


class SubscriberIndex:
    def __init__(self) -> None:
        self._all: set[Subscriber] = set()
        self._groups: defaultdict[Group, set[Subscriber]] = defaultdict(set)
        self._by_key: defaultdict[str, set[Subscriber]] = defaultdict(set)
        self._by_owner: defaultdict[str, set[Subscriber]] = defaultdict(set)
        self._watching: defaultdict[int, set[Subscriber]] = defaultdict(set)
        self._watched: NDArray[np.int64] | None = None  # all that are watched; made when it is asked for

    def __iter__(self) -> Iterator[Subscriber]:
        """Iterates over a copy, so that the caller may remove some."""
        return iter(list(self._all))

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._all

    def add(self, subscriber: Subscriber) -> None:
        self._all.add(subscriber)
        self._watched = None
        for lead in subscriber.watched:
            self._watching[lead].add(subscriber)
        if subscriber.keys is not None:
            for key in subscriber.keys:
                self._by_key[key].add(subscriber)
        elif subscriber.claims.role.sees_own_leads_only:
            for owner in subscriber.claims.owners:
                self._by_owner[owner].add(subscriber)
        else:
            self._groups[Group(subscriber.view, subscriber.topics)].add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        self._all.discard(subscriber)
        self._watched = None
        for lead in subscriber.watched:
            _drop(self._watching, lead, subscriber)
        _drop(self._groups, Group(subscriber.view, subscriber.topics), subscriber)
        for key in subscriber.keys or ():
            _drop(self._by_key, key, subscriber)
        for owner in subscriber.claims.owners:
            _drop(self._by_owner, owner, subscriber)

    def groups(self) -> Iterator[tuple[Group, list[Subscriber]]]:
        for group, members in list(self._groups.items()):
            yield group, list(members)

    def concerned(self, change: FeedChange) -> Iterator[Subscriber]:
        """The subscribers outside the groups that may want the change; they decide themselves."""
        if isinstance(change, SliceChange):
            yield from self._watchers(change)
            return
        yield from self._by_key.get(change.key, ())
        if change.owner is not None:
            yield from self._by_owner.get(change.owner, ())
        if change.previous_owner is not None and change.previous_owner != change.owner:
            yield from self._by_owner.get(change.previous_owner, ())

    def _watchers(self, change: SliceChange) -> set[Subscriber]:
        if self._watched is None:
            self._watched = np.fromiter(self._watching, np.int64, len(self._watching))
        return {subscriber for lead in change.among(self._watched).tolist() for subscriber in self._watching[lead]}


def _drop(index: dict[K, set[Subscriber]], name: K, subscriber: Subscriber) -> None:
    members = index.get(name)
    if members is not None:
        members.discard(subscriber)
        if not members:
            del index[name]
