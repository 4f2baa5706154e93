"""Checks whether Redis answers, takes writes and keeps them, and which workers have left a mark in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from commands.clock_check import clock_finding
from commands.finding import Finding
from pipeline.errors import Service6Error
from pipeline.redis_store import worker_heartbeat
from pipeline.wiring import Services
from tasks import queues
from tasks.queues import needed

OLDEST_REDIS = (6, 2)
NEARLY_FULL = 0.9  # of the memory that it may use
PROBE_KEY = "service6:doctor"
PROBE_MS = 1000  # for which the probe stays
POINT_ELSEWHERE = "point REDIS_URL to the primary, or: REPLICAOF NO ONE"
ITS_LOG = "its log says why"
# By the client's class, or by how the server's text begins where the client has none: the reason, and how to mend it.
BY_CLASS: dict[type[redis.RedisError], tuple[str, str]] = {
    redis.exceptions.OutOfMemoryError: (
        "its memory is full",
        "raise maxmemory; `service6 queues` shows what waits in it",
    ),
    redis.exceptions.ReadOnlyError: ("it is a read-only replica", POINT_ELSEWHERE),
    redis.exceptions.MasterDownError: ("it is a replica without its primary", POINT_ELSEWHERE),
    redis.exceptions.NoPermissionError: (
        "its user may not write",
        "allow that user to write to every key (ACL SETUSER)",
    ),
    redis.exceptions.BusyLoadingError: ("it is still loading its data", "wait, then run `service6 doctor` again"),
}
BY_TEXT = {
    "MISCONF": (
        "it cannot save to its disk",
        "make room on its disk, correct the rights there; its log says what fails",
    ),
    "NOREPLICAS": ("it has too few replicas", "start them again, or lower min-replicas-to-write"),
    "BUSY": ("a script keeps it busy", "end that script: SCRIPT KILL"),
}


def examine_redis(services: Services) -> Iterator[Finding]:
    try:
        sent_at = datetime.now(UTC)
        seconds, microseconds = services.redis.time()
        received_at = datetime.now(UTC)
        server: Any = services.redis.info()
    except (redis.RedisError, Service6Error) as error:
        mend = "start it with `service6 up`, or correct REDIS_URL"
        yield Finding("redis", "bad", f"does not answer ({type(error).__name__})", mend)
        return
    yield _version(str(server["redis_version"]))
    clock = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    yield clock_finding("redis clock", clock, sent_at, received_at)
    writes = _writes(services.redis, server)
    yield writes
    yield _memory(server)
    yield _on_disk(server)
    queues_needed = [queue.name for queue in needed(services.settings)]
    if writes.level == "bad":
        yield Finding(
            "workers", "warn", "cannot be told: they show that they live by writing to Redis", "mend Redis first"
        )
    else:
        yield from _marks(services.redis, queues_needed)


def _version(version: str) -> Finding:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        return Finding("redis", "bad", f"version {version}", "version 6.2 or newer, or any Valkey, is needed")
    return Finding("redis", "ok", f"answers, version {version}")


def _writes(connection: redis.Redis, server: Mapping[str, Any]) -> Finding:
    """Writes a key that is gone a moment later: only a write shows whether there can be one."""
    try:
        connection.set(PROBE_KEY, "1", px=PROBE_MS)
    except redis.RedisError as error:
        reason, mend = _refusal(error)
        return Finding("redis writes", "bad", f"Redis refuses writes: {reason}", mend)
    if server.get("role") != "master":
        mend = "point REDIS_URL to the primary: what is written to a replica is lost"
        return Finding("redis writes", "bad", "it is a replica that takes writes", mend)
    return Finding("redis writes", "ok", "taken")


def _refusal(error: redis.RedisError) -> tuple[str, str]:
    by_text = (known for code, known in BY_TEXT.items() if str(error).startswith(code))
    return BY_CLASS.get(type(error)) or next(by_text, (type(error).__name__, ITS_LOG))


def _memory(server: Mapping[str, Any]) -> Finding:
    policy, used, most = (server.get(name) for name in ("maxmemory_policy", "used_memory", "maxmemory"))
    if policy != "noeviction":
        mend = "CONFIG SET maxmemory-policy noeviction, or queues are dropped when memory is short"
        return Finding("redis memory", "bad", f"policy {policy or 'unknown'}", mend)
    if used and most and used > NEARLY_FULL * most:
        mend = "raise maxmemory before it is full and refuses writes; `service6 queues` shows what waits in it"
        return Finding("redis memory", "warn", f"{used / most:.0%} of maxmemory is used", mend)
    return Finding("redis memory", "ok", "noeviction")


def _on_disk(server: Mapping[str, Any]) -> Finding:
    if int(server.get("aof_enabled", 0)):
        return Finding("redis on disk", "ok", "appendonly")
    return Finding("redis on disk", "warn", "nothing is kept over a restart", "CONFIG SET appendonly yes")


def _marks(connection: redis.Redis, needed_queues: Sequence[str]) -> Iterator[Finding]:
    try:
        alive = worker_heartbeat.alive_queues(connection, queues.names())
        ticking = worker_heartbeat.is_ticking(connection)
    except redis.RedisError as error:
        yield Finding("workers", "warn", f"cannot be told: Redis does not answer ({type(error).__name__})")
        return
    yield from _workers(needed_queues, alive, ticking)


def _workers(needed_queues: Sequence[str], alive: Collection[str], ticking: bool) -> Iterator[Finding]:
    for queue in needed_queues:
        if queue in alive:
            yield Finding(f"worker {queue}", "ok", "seen")
        else:
            mend = f"run `service6 up`; logs/{queue}.log says why it does not run"
            yield Finding(f"worker {queue}", "warn", "not seen for half a minute", mend)
    if ticking:
        yield Finding("beat", "ok", "ticks")
    else:
        yield Finding(
            "beat", "warn", "no tick in half a minute", "run `service6 up`; logs/beat.log says why it does not run"
        )
