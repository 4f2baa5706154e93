"""A CRM that is to be left alone for a while: known to all workers, because it is written in Redis."""

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

KEY = "service6:rest:"
TOLD_S = 86_400  # a trouble that lasts is told once a day


class Cooldown:
    """Of one source's `errand`. While Redis is away nobody rests: each record still waits longer each time."""

    def __init__(self, redis: Redis, source: str, errand: str) -> None:
        self._redis = redis
        self.name = f"{source} {errand}"
        self._key = f"{KEY}{source}:{errand}"

    @property
    def lasts(self) -> bool:
        with suppress(RedisError):
            return bool(self._redis.exists(self._key))
        return False

    def begin(self, seconds: float, why: str) -> bool:
        """Whether this is news: the same trouble is none."""
        with suppress(RedisError):
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(self._key, "1", px=max(1, round(seconds * 1000)))
            pipe.set(f"{self._key}:told", why, ex=TOLD_S, get=True)
            _, before = pipe.execute()
            return before is None or before.decode() != why
        return True

    def end(self) -> None:
        """It works: the next trouble is news again."""
        with suppress(RedisError):
            self._redis.delete(f"{self._key}:told")
