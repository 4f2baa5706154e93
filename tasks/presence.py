"""Which queues have a worker: each worker leaves a mark in Redis that expires, so a dead one is not seen for long."""

import redis

from tasks.app import QUEUES

SEEN = "service6:worker:"
TICK = "service6:tick"
EVERY_S = 10.0
EXPIRES_S = 35


def mark(connection: "redis.Redis", queues: list[str]) -> None:
    for queue in queues:
        connection.set(SEEN + queue, "1", ex=EXPIRES_S)


def seen(connection: "redis.Redis") -> set[str]:
    marks = connection.mget([SEEN + queue for queue in QUEUES])
    return {queue for queue, found in zip(QUEUES, marks, strict=True) if found}


def mark_tick(connection: "redis.Redis") -> None:
    """Beat's tick has been taken up."""
    connection.set(TICK, "1", ex=EXPIRES_S)


def is_ticking(connection: "redis.Redis") -> bool:
    return bool(connection.exists(TICK))
