"""A change as the relay holds it: who may see it, and its bytes as each kind of reader sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum, auto
from typing import Any, Protocol

import orjson

from pipeline.redis_store.change_stream import StreamArrival, StreamOrder, position
from schemas.access import Claims, Role
from schemas.event import Position
from schemas.feed import Topic

SHOWN_OF_A_FACTOR = ("attribute", "label", "points")


class View(Enum):
    """How much of a change is shown; all readers with the same view share its bytes."""

    WHOLE = auto()
    WITHOUT_VALUES = auto()

    @classmethod
    def of(cls, role: Role) -> View:
        return cls.WHOLE if role.sees_attributes else cls.WITHOUT_VALUES


class Subscription(Protocol):
    """A reader's subscription; `keys` None is everything, `watched` the leads that are looked at."""

    @property
    def claims(self) -> Claims: ...

    @property
    def topics(self) -> frozenset[Topic]: ...

    @property
    def keys(self) -> frozenset[str] | None: ...

    @property
    def watched(self) -> frozenset[int]: ...


class FeedChange:
    """`order` is its place in the stream; of two with the same key the higher `rev` is the newer."""

    __slots__ = ("at", "key", "order", "owner", "previous_owner", "rev", "topic", "whole")

    def __init__(self, arrival: StreamArrival, event: dict[str, Any], topic: Topic) -> None:
        self.order: StreamOrder = arrival.order
        self.key: str = event["key"]
        self.rev: int = event["rev"]
        self.at = datetime.fromisoformat(event["at"])
        self.topic = topic
        self.whole: bytes = arrival.event
        self.owner: str | None = None
        self.previous_owner: str | None = None

    @property
    def weight(self) -> int:
        """How many ordinary changes take as much memory."""
        return 1

    def frames_for(self, subscription: Subscription) -> Iterator[tuple[FeedChange, bytes]]:
        """The events of this change that the reader wants and may see."""
        if self.topic in subscription.topics and (subscription.keys is None or self.key in subscription.keys):
            seen = self.seen_by(subscription.claims)
            if seen is not None:
                yield self, seen

    def seen_by(self, claims: Claims) -> bytes | None:
        """The event as this reader may see it, or None."""
        raise NotImplementedError

    def through(self, view: View) -> bytes | None:
        """As `seen_by`, for those who see everybody's leads."""
        raise NotImplementedError


class ScoreChange(FeedChange):
    """A lead was scored."""

    __slots__ = ("_removed", "_without_values")

    def __init__(self, arrival: StreamArrival, event: dict[str, Any]) -> None:
        super().__init__(arrival, event, Topic.LEADS)
        routing = orjson.loads(arrival.routing)
        self.owner = routing["owner"]
        self.previous_owner = routing["previous_owner"]
        self._without_values: bytes | None = None
        self._removed: bytes | None = None

    def seen_by(self, claims: Claims) -> bytes | None:
        """The event as this reader may see it: whole, masked, as a removal, or None."""
        if claims.may_see_lead_of(self.owner):
            return self.through(View.of(claims.role))
        if claims.may_see_lead_of(self.previous_owner):
            return self.removed
        return None

    def through(self, view: View) -> bytes:
        if view is View.WHOLE:
            return self.whole
        if self._without_values is None:
            self._without_values = _without_values(self.whole)
        return self._without_values

    @property
    def removed(self) -> bytes:
        if self._removed is None:
            whole = orjson.loads(self.whole)
            fields = {name: whole[name] for name in ("key", "rev", "at", "v")}
            self._removed = orjson.dumps({"kind": "removed", **fields})
        return self._removed


class OperationsChange(FeedChange):
    """A change for roles that see operations only: whole, or not at all."""

    __slots__ = ()

    def seen_by(self, claims: Claims) -> bytes | None:
        return self.whole if claims.role.sees_operations else None

    def through(self, view: View) -> bytes | None:
        return self.whole if view is View.WHOLE else None


class AlarmChange(OperationsChange):
    """An alarm was raised or cleared."""

    __slots__ = ()

    def __init__(self, arrival: StreamArrival, event: dict[str, Any]) -> None:
        super().__init__(arrival, event, Topic.METRICS)


def message(epoch: str, until: StreamOrder, events: Iterable[bytes]) -> bytes:
    """A batch of events; whoever resumes after `until` misses none that came before it."""
    return b'{"t":"changes","position":%b,"events":[%b]}' % (
        _json(position(epoch, until)),
        b",".join(events),
    )


def _json(place: Position) -> bytes:
    return orjson.dumps({"epoch": place.epoch, "id": place.id})


def _without_values(event: bytes) -> bytes:
    masked = orjson.loads(event)
    score = masked["body"]["score"]
    score["factors"] = [{name: factor[name] for name in SHOWN_OF_A_FACTOR} for factor in score["factors"]]
    return orjson.dumps(masked)
