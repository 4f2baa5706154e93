"""Entries of the stream -> the changes that they tell of."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from pipeline.redis_store.change_stream import StreamArrival
from schemas.event import EventKind
from workers.relay.feed_changes import AlarmChange, FeedChange, ScoreChange
from workers.relay.slice_changes import RunChange, SliceChange

# One entry may tell of several things.
KINDS: dict[str, tuple[Callable[[StreamArrival, dict[str, Any]], FeedChange], ...]] = {
    EventKind.SCORE: (ScoreChange,),
    EventKind.RUN: (RunChange,),
    EventKind.ALARM: (AlarmChange,),
    EventKind.SLICE: (RunChange, SliceChange),
}

logger = logging.getLogger(__name__)


def read(arrivals: Iterable[StreamArrival]) -> list[FeedChange]:
    """Entries that this version does not know are left out, so that a newer publisher breaks no older relay."""
    changes: list[FeedChange] = []
    for arrival in arrivals:
        try:
            event = orjson.loads(arrival.event)
            changes += [kind(arrival, event) for kind in KINDS[event["kind"]]]
        except (ValueError, KeyError, TypeError):
            logger.warning("stream entry %d-%d is of no known kind", *arrival.order)
    return changes
