"""Turns entries of the stream into changes."""

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import orjson

from pipeline.redis_store.change_stream import StreamArrival
from schemas.event import EventKind
from workers.relay.feed_changes import AlarmChange, FeedChange, ScoreChange
from workers.relay.slice_changes import RunChange, SliceChange

# One entry may make several changes.
KINDS: dict[str, tuple[Callable[[StreamArrival, dict[str, Any]], FeedChange], ...]] = {
    EventKind.SCORE: (ScoreChange,),
    EventKind.RUN: (RunChange,),
    EventKind.ALARM: (AlarmChange,),
    EventKind.SLICE: (RunChange, SliceChange),
}

SHOWN_OF_A_KIND = 40  # characters
MOST_WARNINGS = 100  # that are remembered

logger = logging.getLogger(__name__)


def read(arrivals: Iterable[StreamArrival]) -> list[FeedChange]:
    """The changes of the entries; unknown kinds are left out, so that a newer publisher breaks no older relay."""
    changes: list[FeedChange] = []
    for arrival in arrivals:
        try:
            event = orjson.loads(arrival.event)
        except ValueError:
            _warn("no JSON")
            continue
        kind = event.get("kind") if isinstance(event, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            _warn(f"of kind {str(kind)[:SHOWN_OF_A_KIND]!r}, which is not known here")
            continue
        try:
            changes += [make(arrival, event) for make in KINDS[kind]]
        except (ValueError, KeyError, TypeError):
            _warn(f"of kind {kind!r}, and cannot be read")
    return changes


@lru_cache(maxsize=MOST_WARNINGS)
def _warn(what: str) -> None:
    """Warns once per kind: during an update a newer publisher may send thousands a second."""
    logger.warning("entries of the stream are left out: they are %s", what)
