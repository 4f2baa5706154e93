"""Connections to Redis, and what its errors are to everybody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis.asyncio
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pipeline.errors import TryAgain

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0


def connect(url: str) -> Redis:
    # Whoever calls backs off by itself; a retry inside the client would hide how long Redis is away.
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


def connect_async(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=answer_timeout_s,
        socket_keepalive=True,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
    )


@contextmanager
def translated() -> Iterator[None]:
    """An error of Redis inside is a TryAgain outside."""
    try:
        yield
    except RedisError as error:
        raise TryAgain(f"Redis is away ({type(error).__name__})") from error
