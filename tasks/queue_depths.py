"""What the Redis queues hold, read without disturbing them."""

import base64
import time
from collections import Counter
from typing import Any, NamedTuple

import orjson
import redis

from tasks.app import ENQUEUED_AT, QUEUES

UNACKED = "unacked"  # kombu's hash of the messages that a worker has taken and not acknowledged


UNACKED_INDEX = "unacked_index"  # and when each was taken


class Held(NamedTuple):
    """A message that a worker has taken: it works on it, or it died, and the broker brings it back much later.

    `taken_at`: seconds since 1970.
    """

    taken_at: float
    lead_ids: list[int]


class QueueDepth(NamedTuple):
    """`oldest_s` is None for an empty queue."""

    name: str
    waiting: int
    oldest_s: float | None


def depths(connection: "redis.Redis") -> list[QueueDepth]:
    now = time.time()
    found = []
    for name in QUEUES:
        head = oldest(connection, name)
        found.append(QueueDepth(name, int(connection.llen(name)), None if head is None else max(0.0, now - head)))
    return found


def oldest(connection: "redis.Redis", queue: str) -> float | None:
    """When the message that will be taken next was enqueued (seconds since 1970); None if there is none."""
    message = connection.lindex(queue, -1)
    if message is None:
        return None
    headers = orjson.loads(message).get("headers", {})
    return float(headers.get(ENQUEUED_AT, 0))


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
