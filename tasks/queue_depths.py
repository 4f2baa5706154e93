"""What the Redis queues hold, read without disturbing them."""

import time
from collections import Counter
from typing import Any, NamedTuple

import orjson
import redis

from tasks import queues
from tasks.queues import ENQUEUED_AT

UNACKED = "unacked"  # kombu's hash of the messages that a worker has taken and not acknowledged


class QueueDepth(NamedTuple):
    """`oldest_s` is None for an empty queue."""

    name: str
    waiting: int
    oldest_s: float | None


def depths(connection: "redis.Redis") -> list[QueueDepth]:
    now = time.time()
    found = []
    for name in queues.names():
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


def running_by_queue(connection: "redis.Redis") -> Counter[str]:
    """Messages that workers hold, as many as there are worker slots."""
    held: Any = connection.hvals(UNACKED)
    return Counter(str(orjson.loads(taken)[2]) for taken in held)  # message, exchange, queue
