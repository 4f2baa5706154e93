"""The doctor on Redis: a server that answers may refuse writes, and then no worker is to blame."""

import shutil
from collections.abc import Callable, Iterator

import pytest
import redis
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from commands import redis_checks
from commands.finding import Finding
from pipeline.metrics import Metrics
from pipeline.redis_store import worker_heartbeat
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tasks import queues
from tests.support.directories import directory
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Valkey


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    """One of its own, because these tests break it."""
    with directory() as path:
        made = Valkey(path)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def own(server: Valkey, settings: Settings) -> Iterator[Services]:
    services = at(settings, server.url)
    yield services
    services.close()
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("NO", "ONE")
        for name, value in (("maxmemory", 0), ("min-replicas-to-write", 0), ("replica-read-only", "yes"), ("save", "")):
            client.config_set(name, value)


def at(settings: Settings, url: str) -> Services:
    redis_settings = settings.redis.model_copy(update={"url": SecretStr(url)})
    return Services(settings.model_copy(update={"redis": redis_settings}), Metrics(CollectorRegistry()))


def findings(services: Services) -> dict[str, Finding]:
    return {finding.name: finding for finding in redis_checks.examine_redis(services)}


def full(client: redis.Redis) -> None:
    client.config_set("maxmemory", client.info()["used_memory"] // 2)


def a_replica(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")


def a_replica_that_takes_writes(client: redis.Redis) -> None:
    client.config_set("replica-read-only", "no")
    a_replica(client)


def without_replicas(client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 1)


@pytest.mark.parametrize(
    ("breaks", "reason", "mend"),
    [
        (full, "its memory is full", "maxmemory"),
        (a_replica, "a read-only replica", "REDIS_URL"),
        (a_replica_that_takes_writes, "a replica that takes writes", "REDIS_URL"),
        (without_replicas, "too few replicas", "min-replicas-to-write"),
    ],
)
def test_what_makes_redis_refuse_writes_is_told_and_no_worker_is_blamed(
    own: Services, breaks: Callable[[redis.Redis], None], reason: str, mend: str
) -> None:
    breaks(own.redis)
    found = findings(own)
    assert (found["redis"].level, found["redis writes"].level) == ("ok", "bad")
    assert reason in found["redis writes"].found
    assert mend in found["redis writes"].mend
    assert [name for name in found if name.startswith("worker ") or name == "beat"] == []
    assert "cannot be told" in found["workers"].found


def test_a_disk_that_refuses(settings: Settings) -> None:
    with directory() as path:
        server = Valkey(path)
        server.start()
        try:
            services = at(settings, server.url)
            services.redis.config_set("save", "3600 1")
            shutil.rmtree(path / "data")
            services.redis.bgsave()
            eventually(lambda: services.redis.info()["rdb_last_bgsave_status"] == "err", within_s=30)
            assert "cannot save to its disk" in findings(services)["redis writes"].found
            services.close()
        finally:
            server.stop()


def test_a_user_who_may_only_read(own: Services, server: Valkey, settings: Settings) -> None:
    own.redis.acl_setuser(
        "reader", enabled=True, passwords=["+a-password"], categories=["+@all", "-@write"], keys=["*"]
    )
    reader = at(settings, f"redis://reader:a-password@127.0.0.1:{server.port}/0")
    assert "may not write" in findings(reader)["redis writes"].found
    reader.close()


def test_nearly_full_is_a_warning_and_the_probe_leaves_nothing(own: Services) -> None:
    worker_heartbeat.beat(own.redis, list(queues.names()))
    own.redis.config_set("maxmemory", int(own.redis.info()["used_memory"] * 1.05))
    found = findings(own)
    assert (found["redis memory"].level, found["redis writes"].level) == ("warn", "ok")
    assert found["worker scoring"].level == "ok"
    assert 0 < own.redis.pttl(redis_checks.PROBE_KEY) <= redis_checks.PROBE_MS


def test_a_server_that_is_away_is_told_once(settings: Settings) -> None:
    away = at(settings, "redis://127.0.0.1:1/0")
    assert list(findings(away)) == ["redis"]
    away.close()
