"""Which queues have a worker: each worker leaves a mark in Redis that expires, so a dead one is not seen for long."""

from collections.abc import Sequence

import redis

WORKER_KEY = "service6:worker:"
TICK_KEY = "service6:tick"
EVERY_S = 10.0
EXPIRES_S = 35


def beat(connection: "redis.Redis", served: Sequence[str]) -> None:
    for queue in served:
        connection.set(WORKER_KEY + queue, "1", ex=EXPIRES_S)


def alive_queues(connection: "redis.Redis", queues: Sequence[str]) -> set[str]:
    """Those of the queues that have a worker."""
    marks = connection.mget([WORKER_KEY + name for name in queues])
    return {name for name, mark in zip(queues, marks, strict=True) if mark}


def beat_tick(connection: "redis.Redis") -> None:
    """Beat's tick has been taken up."""
    connection.set(TICK_KEY, "1", ex=EXPIRES_S)


def is_ticking(connection: "redis.Redis") -> bool:
    return bool(connection.exists(TICK_KEY))
