"""Which queues have a worker: each worker leaves a mark in Redis that expires, so a dead one is not seen for long."""

import redis

from tasks.app import QUEUES

SEEN = "service6:worker:"
EVERY_S = 10.0
EXPIRES_S = 35


def mark(connection: "redis.Redis", queues: list[str]) -> None:
    for queue in queues:
        connection.set(SEEN + queue, "1", ex=EXPIRES_S)


def seen(connection: "redis.Redis") -> set[str]:
    marks = connection.mget([SEEN + queue for queue in QUEUES])
    return {queue for queue, found in zip(QUEUES, marks, strict=True) if found}
