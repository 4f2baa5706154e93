"""What the Redis queues hold, read without disturbing them."""

import base64
import logging
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
import redis

from pipeline.task_calls import ENQUEUED_AT

UNACKED = "unacked"  # kombu's hash of the messages that a worker has taken and not acknowledged
UNACKED_INDEX = "unacked_index"  # and when each was taken
SEARCHED = 1000  # messages at the head of a queue among which one of known age is looked for

logger = logging.getLogger(__name__)


class Held(NamedTuple):
    """A message that a worker has taken: it works on it, or it died, and the broker brings it back much later.

    `taken_at`: seconds since 1970.
    """

    taken_at: float
    lead_ids: list[int]


class QueueDepth(NamedTuple):
    """`oldest_s` is None for an empty queue, and where the next message does not say when it was enqueued."""

    name: str
    waiting: int
    oldest_s: float | None


def depths(connection: "redis.Redis", queues: Sequence[str]) -> list[QueueDepth]:
    now = time.time()
    return [QueueDepth(name, int(connection.llen(name)), _age(_head(connection, name, 1), now)) for name in queues]


def complete_until(connection: "redis.Redis", queue: str) -> float:
    """What was enqueued before this time (seconds since 1970) is not in the queue any more.

    Infinity if the queue is empty. A message that does not say when it was enqueued, as a foreign program's, is passed
    over for the next one behind it: what is older than that one may count as lost once, and its new message says when
    it was enqueued. 0 if too many say nothing, so that nothing counts as lost.
    """
    messages = _head(connection, queue, SEARCHED)
    for message in messages:
        at = enqueued_at(message)
        if at is not None:
            return at
    if len(messages) < SEARCHED:
        return math.inf
    logger.warning(
        "%d messages do not say when they were enqueued; nothing counts as lost until they are gone", SEARCHED
    )
    return 0.0


def enqueued_at(message: bytes) -> float | None:
    """Seconds since 1970; None if the message does not say it."""
    try:
        at = orjson.loads(message)["headers"][ENQUEUED_AT]
    except (ValueError, KeyError, TypeError):
        return None
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


def held(connection: "redis.Redis", task: str) -> list[Held]:
    """The messages of a task about leads that workers hold; there are as many as there are worker slots."""
    taken: Any = connection.zrange(UNACKED_INDEX, 0, -1, withscores=True)
    if not taken:
        return []
    messages: Any = connection.hmget(UNACKED, [tag for tag, _ in taken])
    found = []
    for (_, taken_at), message in zip(taken, messages, strict=True):
        raw = orjson.loads(message)[0] if message else {}  # message, exchange, queue
        if raw.get("headers", {}).get("task") == task:
            arguments, *_ = orjson.loads(base64.b64decode(raw["body"]))
            found.append(Held(float(taken_at), arguments[0]))
    return found


def running_by_queue(connection: "redis.Redis") -> Counter[str]:
    """Messages that workers hold, as many as there are worker slots."""
    held: Any = connection.hvals(UNACKED)
    return Counter(str(orjson.loads(taken)[2]) for taken in held)  # message, exchange, queue


def _head(connection: "redis.Redis", queue: str, count: int) -> Sequence[bytes]:
    """The messages that will be taken next, the first of them first."""
    messages: Any = connection.lrange(queue, -count, -1)
    return list(reversed(messages))


def _age(head: Sequence[bytes], now: float) -> float | None:
    at = enqueued_at(head[0]) if head else None
    return None if at is None else max(0.0, now - at)
