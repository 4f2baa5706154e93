"""The changes of a step of a run, sent lead by lead and only for watched leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pipeline.redis_store.change_stream import StreamArrival
from pipeline.redis_store.changed_leads import ChangedLeads, unpack
from schemas.access import Claims
from schemas.event import EVENT_VERSION
from schemas.feed import Topic
from workers.relay.feed_changes import FeedChange, OperationsChange, Subscription, View

LEADS_A_CHANGE = 50  # of a step, in the memory of one ordinary change


class RunChange(OperationsChange):
    """How far a run has come."""

    __slots__ = ()

    def __init__(self, arrival: StreamArrival, event: dict[str, Any]) -> None:
        super().__init__(arrival, event, Topic.RUNS)
        self.whole = orjson.dumps({**event, "kind": "run", "body": event["body"]["run"]})


class SliceChange(FeedChange):
    """A step with up to ten thousand leads; nobody receives it as a whole."""

    __slots__ = ("_leads",)

    def __init__(self, arrival: StreamArrival, event: dict[str, Any]) -> None:
        super().__init__(arrival, event, Topic.LEADS)
        self.whole = b""
        self._leads: ChangedLeads = unpack(event["body"]["leads"])

    @property
    def weight(self) -> int:
        return 1 + len(self._leads.ids) // LEADS_A_CHANGE

    def among(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ids among these that it changed."""
        changed: NDArray[np.int64] = ids[self._holds(ids)]
        return changed

    def frames_for(self, subscription: Subscription) -> Iterator[tuple[FeedChange, bytes]]:
        if Topic.LEADS in subscription.topics:
            for change in self.of(subscription.watched):
                seen = change.seen_by(subscription.claims)
                if seen is not None:
                    yield change, seen

    def of(self, leads: frozenset[int]) -> Iterator[FeedChange]:
        """Its changes of these leads."""
        ids = np.fromiter(leads, np.int64, len(leads))
        for place in np.searchsorted(self._leads.ids, self.among(ids)).tolist():
            yield RescoredChange(self, self._leads, place)

    def through(self, view: View) -> None:
        return None

    def _holds(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        ours = self._leads.ids
        places = np.minimum(np.searchsorted(ours, ids), len(ours) - 1)
        held: NDArray[np.bool_] = ours[places] == ids
        return held


class RescoredChange(FeedChange):
    """One lead of a slice; its bytes are made when somebody wants them."""

    __slots__ = ("_leads", "_place")

    def __init__(self, of: SliceChange, leads: ChangedLeads, place: int) -> None:
        self.order, self.at, self.topic = of.order, of.at, Topic.LEADS
        self.key, self.rev = f"lead:{leads.ids[place]}", int(leads.revs[place])
        self.owner = self.previous_owner = leads.names[leads.owners[place]]
        self._leads = leads
        self._place = place

    def seen_by(self, claims: Claims) -> bytes | None:
        return self._event() if claims.may_see_lead_of(self.owner) else None

    def _event(self) -> bytes:
        leads, place = self._leads, self._place
        body = {
            "id": str(leads.ids[place]),
            "score": round(float(leads.scores[place]), 4),
            "previous_score": round(float(leads.previous[place]), 4),
            "tier": leads.tiers[place].decode(),
        }
        event = {"kind": "rescored", "key": self.key, "rev": self.rev, "at": self.at, "v": EVENT_VERSION, "body": body}
        return orjson.dumps(event, option=orjson.OPT_UTC_Z)
