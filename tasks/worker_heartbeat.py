"""Which queues have a worker: each worker leaves a mark in Redis that expires, so a dead one is not seen for long."""

import redis

from tasks.declared import QUEUES

WORKER_KEY = "service6:worker:"
TICK_KEY = "service6:tick"
EVERY_S = 10.0
EXPIRES_S = 35


def beat(connection: "redis.Redis", queues: list[str]) -> None:
    for queue in queues:
        connection.set(WORKER_KEY + queue, "1", ex=EXPIRES_S)


def alive_queues(connection: "redis.Redis") -> set[str]:
    marks = connection.mget([WORKER_KEY + queue for queue in QUEUES])
    return {queue for queue, found in zip(QUEUES, marks, strict=True) if found}


def beat_tick(connection: "redis.Redis") -> None:
    """Beat's tick has been taken up."""
    connection.set(TICK_KEY, "1", ex=EXPIRES_S)


def is_ticking(connection: "redis.Redis") -> bool:
    return bool(connection.exists(TICK_KEY))
