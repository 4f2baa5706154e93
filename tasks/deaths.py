"""The leads that a worker's process held when it died: its parent leaves a note in Redis, and the next sweep takes it.

Not a message: the sweeps that wait already would come before it, and enqueue the leads together once more.
"""

from collections.abc import Sequence

import orjson
import redis

KEY = "service6:died"
NOTES = 1000  # kept; leads of which there is none are together once more, that is all


def note(connection: "redis.Redis", lead_ids: Sequence[int]) -> None:
    with connection.pipeline() as pipe:
        pipe.lpush(KEY, orjson.dumps(list(lead_ids)))
        pipe.ltrim(KEY, 0, NOTES - 1)
        pipe.execute()


def noted(connection: "redis.Redis") -> list[list[int]]:
    return [orjson.loads(one) for one in connection.lrange(KEY, 0, -1)]


def forget(connection: "redis.Redis", notes: int) -> None:
    """The oldest; what came in since they were read stays."""
    connection.ltrim(KEY, 0, -notes - 1)
