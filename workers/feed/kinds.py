"""Entries of the stream -> the changes that they tell of."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from pipeline.stream import Arrival
from workers.feed.changes import AlarmChange, Change, ScoreChange
from workers.feed.slices import RunChange, Slice

# One entry may tell of several things.
KINDS: dict[str, tuple[Callable[[Arrival, dict[str, Any]], Change], ...]] = {
    "score": (ScoreChange,),
    "run": (RunChange,),
    "alarm": (AlarmChange,),
    "slice": (RunChange, Slice),
}

logger = logging.getLogger(__name__)


def read(arrivals: Iterable[Arrival]) -> list[Change]:
    """Entries that this version does not know are left out, so that a newer publisher breaks no older relay."""
    changes: list[Change] = []
    for arrival in arrivals:
        try:
            event = orjson.loads(arrival.event)
            changes += [kind(arrival, event) for kind in KINDS[event["kind"]]]
        except (ValueError, KeyError, TypeError):
            logger.warning("stream entry %d-%d is of no known kind", *arrival.order)
    return changes
