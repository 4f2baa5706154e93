"""Leads that a worker's process held when it died: its parent notes them in Redis, and the next sweep takes the notes.

Not a message: the sweeps that wait already would come before it, and enqueue the leads together once more.
"""

from collections.abc import Sequence

import orjson
import redis

KEY = "service6:died"
MOST = 1000  # notes kept; the leads of older ones are enqueued together once more


def note(connection: "redis.Redis", lead_ids: Sequence[int]) -> None:
    with connection.pipeline() as pipe:
        pipe.lpush(KEY, orjson.dumps(list(lead_ids)))
        pipe.ltrim(KEY, 0, MOST - 1)
        pipe.execute()


def noted(connection: "redis.Redis") -> list[list[int]]:
    return [orjson.loads(batch) for batch in connection.lrange(KEY, 0, -1)]


def forget(connection: "redis.Redis", count: int) -> None:
    """Drops the oldest notes; those that came in since they were read stay."""
    connection.ltrim(KEY, 0, -count - 1)
