"""Remembers in Redis, for all workers, that a failing CRM gets no calls for a while."""

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

KEY = "service6:rest:"
REPORTED_S = 86_400  # a failure that lasts is reported once a day


class Cooldown:
    """The cooldown of one source's `sync` (write or fetch). Without Redis, only each record's backoff applies."""

    def __init__(self, redis: Redis, source: str, sync: str) -> None:
        self._redis = redis
        self.name = f"{source} {sync}"
        self._key = f"{KEY}{source}:{sync}"

    @property
    def lasts(self) -> bool:
        with suppress(RedisError):
            return bool(self._redis.exists(self._key))
        return False

    def begin(self, seconds: float, why: str) -> bool:
        """Begins it; returns whether `why` differs from the failure that was reported last."""
        with suppress(RedisError):
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(self._key, "1", px=max(1, round(seconds * 1000)))
            pipe.set(f"{self._key}:told", why, ex=REPORTED_S, get=True)
            _, before = pipe.execute()
            return before is None or before.decode() != why
        return True

    def end(self) -> None:
        """Ends it, so that the next failure is reported again."""
        with suppress(RedisError):
            self._redis.delete(f"{self._key}:told")
