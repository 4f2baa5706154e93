"""Connects to Redis, and translates its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis.asyncio
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pipeline.errors import TryAgain
from pipeline.settings.server_urls import is_socket

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0


def connect(url: str) -> Redis:
    # Callers back off themselves; a retry inside the client would hide how long Redis is away.
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_limits(url))


def connect_async(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> redis.asyncio.Redis:
    limits = _limits(url) | {"socket_timeout": answer_timeout_s}
    return redis.asyncio.Redis.from_url(url, retry=redis.asyncio.retry.Retry(NoBackoff(), 0), **limits)


def _limits(url: str) -> dict[str, Any]:
    """The timeouts of a connection; a Unix socket has no keep-alive, because it ends with the server."""
    limits = {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_timeout": ANSWER_TIMEOUT_S}
    return limits if is_socket(url) else {**limits, "socket_keepalive": True}


@contextmanager
def translated() -> Iterator[None]:
    """Turns errors of Redis into TryAgain."""
    try:
        yield
    except RedisError as error:
        raise TryAgain(f"Redis is away ({type(error).__name__})") from error
