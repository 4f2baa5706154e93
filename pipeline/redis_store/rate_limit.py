"""Limits how often a user may call; the count is in Redis, so that all processes of the API share it."""

import math
import time
from hashlib import sha256
from typing import NamedTuple

from prometheus_client import Counter
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

KEY = "service6:budget:"
ANSWER_TIMEOUT_S = 0.1  # a client that waits for a score must not wait for the count
PAUSE_S = 1.0  # after a failure Redis is not asked for this long

# A window that slides in parts: what was taken in a part is given back when all of it is older than the window, so no
# span of that length ever holds more than the limit. Redis's own clock, because those of several machines differ.
PARTS = 12
TAKE = f"""
local limit, part = tonumber(ARGV[1]), tonumber(ARGV[2]) / {PARTS}
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local current = math.floor(now / part)
local taken, oldest = 0, current
local counts = redis.call('HGETALL', KEYS[1])
for i = 1, #counts, 2 do
  local number = tonumber(counts[i])
  if number < current - {PARTS} then
    redis.call('HDEL', KEYS[1], counts[i])
  else
    taken = taken + counts[i + 1]
    oldest = math.min(oldest, number)
  end
end
local allowed = taken < limit and 1 or 0
if allowed == 1 then
  redis.call('HINCRBY', KEYS[1], current, 1)
  redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2] + part))
end
return {{allowed, math.max(0, limit - taken - 1), math.ceil((oldest + {PARTS} + 1) * part - now)}}
"""


class Budget(NamedTuple):
    """What is left of a user's budget after this request; `reset_s`: when the oldest requests are given back."""

    allowed: bool
    limit: int
    window_s: int
    left: int
    reset_s: int


class Limiter:
    """Allows `limit` requests per `window_s` and user. Without Redis all pass, and `uncounted` counts them."""

    def __init__(self, name: str, url: str, *, limit: int, window_s: int, uncounted: Counter) -> None:
        self._name = name
        self._limit = limit
        self._window_s = window_s
        self._uncounted = uncounted.labels(name)
        timeouts = {"socket_connect_timeout": ANSWER_TIMEOUT_S, "socket_timeout": ANSWER_TIMEOUT_S}
        self._redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **timeouts)
        self._take = self._redis.register_script(TAKE)
        self._pause_until = -math.inf

    def take(self, user: str) -> Budget | None:
        """Takes one request from the user's budget; None if it could not be counted."""
        if time.monotonic() < self._pause_until:
            self._uncounted.inc()
            return None
        try:
            # A user's name may be an e-mail address, and of any length.
            key = f"{KEY}{self._name}:{sha256(user.encode()).hexdigest()}"
            allowed, left, reset_s = self._take(keys=[key], args=[self._limit, self._window_s])
        except RedisError:
            self._pause_until = time.monotonic() + PAUSE_S
            self._uncounted.inc()
            return None
        return Budget(bool(allowed), self._limit, self._window_s, left, max(1, reset_s))
