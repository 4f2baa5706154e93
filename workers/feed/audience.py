"""Whom a change concerns, found by index: nobody is asked about changes that are not theirs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from schemas.feed import Topic
from workers.feed.changes import Change, View
from workers.feed.subscriber import Subscriber

K = TypeVar("K")


class Group(NamedTuple):
    """Readers of the same topics that see every lead in the same way get the same frames."""

    view: View
    topics: frozenset[Topic]


class Audience:
    def __init__(self) -> None:
        self._all: set[Subscriber] = set()
        self._groups: defaultdict[Group, set[Subscriber]] = defaultdict(set)
        self._by_key: defaultdict[str, set[Subscriber]] = defaultdict(set)
        self._by_owner: defaultdict[str, set[Subscriber]] = defaultdict(set)

    def __iter__(self) -> Iterator[Subscriber]:
        """All of them as they were when this was called, so that the caller may dismiss some."""
        return iter(list(self._all))

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._all

    def add(self, subscriber: Subscriber) -> None:
        self._all.add(subscriber)
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
        _drop(self._groups, Group(subscriber.view, subscriber.topics), subscriber)
        for key in subscriber.keys or ():
            _drop(self._by_key, key, subscriber)
        for owner in subscriber.claims.owners:
            _drop(self._by_owner, owner, subscriber)

    def groups(self) -> Iterator[tuple[Group, list[Subscriber]]]:
        for group, members in list(self._groups.items()):
            yield group, list(members)

    def concerned(self, change: Change) -> Iterator[Subscriber]:
        """Those outside the groups who may want it; they decide themselves."""
        yield from self._by_key.get(change.key, ())
        if change.owner is not None:
            yield from self._by_owner.get(change.owner, ())
        if change.previous_owner is not None and change.previous_owner != change.owner:
            yield from self._by_owner.get(change.previous_owner, ())


def _drop(index: dict[K, set[Subscriber]], name: K, subscriber: Subscriber) -> None:
    members = index.get(name)
    if members is not None:
        members.discard(subscriber)
        if not members:
            del index[name]
