"""A change as the relay holds it: who may see it, and its bytes as each kind of reader sees them."""

import logging
from collections.abc import Iterable
from datetime import datetime
from enum import Enum, auto

import orjson

from pipeline.stream import Arrival, Order, position
from schemas.access import Claims, Role
from schemas.event import Position
from schemas.feed import Topic

TOPICS = {"score": Topic.LEADS}
SHOWN_OF_A_FACTOR = ("attribute", "label", "points")

logger = logging.getLogger(__name__)


class View(Enum):
    """What of a change is shown; all readers with the same view share its bytes."""

    WHOLE = auto()
    WITHOUT_VALUES = auto()

    @classmethod
    def of(cls, role: Role) -> "View":
        return cls.WHOLE if role.sees_attributes else cls.WITHOUT_VALUES


class Change:
    """`order` is its place in the stream; of two with the same key the higher `rev` is the newer."""

    __slots__ = ("_removed", "_views", "at", "key", "order", "owner", "previous_owner", "rev", "topic")

    def __init__(self, arrival: Arrival) -> None:
        event = orjson.loads(arrival.event)
        routing = orjson.loads(arrival.routing)
        self.order: Order = arrival.order
        self.key: str = event["key"]
        self.rev: int = event["rev"]
        self.at = datetime.fromisoformat(event["at"])
        self.topic = TOPICS[event["kind"]]
        self.owner: str | None = routing["owner"]
        self.previous_owner: str | None = routing["previous_owner"]
        self._views = {View.WHOLE: arrival.event}
        self._removed: bytes | None = None

    def seen_by(self, claims: Claims) -> bytes | None:
        """The event as this reader may see it: whole, masked, as a removal from its view, or not at all."""
        if claims.may_see_lead_of(self.owner):
            return self.through(View.of(claims.role))
        if claims.may_see_lead_of(self.previous_owner):
            return self.removed
        return None

    def through(self, view: View) -> bytes:
        seen = self._views.get(view)
        if seen is None:
            seen = self._views[view] = _without_values(self._views[View.WHOLE])
        return seen

    @property
    def removed(self) -> bytes:
        if self._removed is None:
            whole = orjson.loads(self._views[View.WHOLE])
            kept = {name: whole[name] for name in ("key", "rev", "at", "v")}
            self._removed = orjson.dumps({"kind": "removed", **kept})
        return self._removed


def read(arrivals: Iterable[Arrival]) -> list[Change]:
    """Entries that this version does not know are left out, so that a newer publisher breaks no older relay."""
    changes = []
    for arrival in arrivals:
        try:
            changes.append(Change(arrival))
        except (ValueError, KeyError, TypeError):
            logger.warning("stream entry %d-%d is of no known kind", *arrival.order)
    return changes


def message(epoch: str, until: Order, events: Iterable[bytes]) -> bytes:
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
