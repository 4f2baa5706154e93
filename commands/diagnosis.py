"""Checks everything that Service 6 depends on, and says how to mend what is wrong."""

import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import redis
from alembic.script import ScriptDirectory
from sqlalchemy import text

from commands.finding import Finding, Level
from commands.secret_checks import examine_sealed, examine_secret_key
from commands.source_checks import examine_sources
from commands.state_checks import examine_state
from pipeline.errors import Service6Error
from pipeline.printable import printable_lines
from pipeline.redis_store import worker_heartbeat
from pipeline.settings.loader import load
from pipeline.storage.platform import migrate
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from tasks import queues
from tasks.queues import needed
from workers.command_services import command_services
from workers.supervisor.api_address import api_url

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRESQL = 150000
OLDEST_REDIS = (6, 2)
CLOCK_WARN_S = 1.0
CLOCK_BAD_S = 60.0  # webhooks are refused beyond five minutes, changes of the future count as now
WAITING_S = 30.0
ANSWER_S = 2.0
ENCRYPTED_MODES = ("require", "verify-ca", "verify-full")
DISK_WARN = 2 << 30  # bytes
DISK_BAD = 200 << 20


def examine(state_dir: Path | None) -> list[Finding]:
    try:
        settings = load(state_dir)
    except Service6Error as error:
        return [Finding("configuration", "bad", str(error), "correct it, then run `service6 doctor` again")]
    findings = [Finding("configuration", "ok", f"{settings.env}, state in {settings.state_dir}")]
    with command_services(settings) as services:
        for check in (_python, _disk, examine_secret_key, examine_state, examine_sources, _postgresql, _redis, _api):
            findings += check(services)
    return findings


def is_well(findings: list[Finding]) -> bool:
    return all(finding.level != "bad" for finding in findings)


def report(findings: list[Finding]) -> str:
    widest = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<5} {finding.name:<{widest}}  {finding.found}")
        if finding.mend:
            lines.append(f"{'':<6}{'':<{widest}}  → {finding.mend}")
    return printable_lines(lines)


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def _python(_: Services) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("python", "bad", version, "install Python 3.11 or newer, then run `make setup`")
    else:
        yield Finding("python", "ok", version)


def _disk(services: Services) -> Iterator[Finding]:
    place = next(path for path in (services.settings.state_dir, *services.settings.state_dir.parents) if path.exists())
    free = shutil.disk_usage(place).free
    level: Level = "bad" if free < DISK_BAD else "warn" if free < DISK_WARN else "ok"
    mend = "" if level == "ok" else f"make room on the disk of {place}; PostgreSQL stops when it is full"
    yield Finding("disk", level, f"{free / 2**30:.1f} GiB free", mend)


def _postgresql(services: Services) -> Iterator[Finding]:
    try:
        with services.session() as db:
            sent_at = datetime.now(UTC)
            number, version, clock = db.execute(text(SERVER)).one()
            received_at = datetime.now(UTC)
    except Service6Error as error:
        yield Finding("postgresql", "bad", str(error), _reach_postgresql(services.settings.database.ssl_mode))
        return
    if int(number) < OLDEST_POSTGRESQL:
        yield Finding("postgresql", "bad", f"version {version}", "version 15 or newer is needed")
    else:
        yield Finding("postgresql", "ok", f"answers, version {version}")
    yield _clock("postgresql clock", clock, sent_at, received_at)
    yield from _schema(services)
    if migrate.current(services.settings.database_url) is not None:
        yield from _owed(services)
        yield from examine_sealed(services)


def _reach_postgresql(ssl_mode: str) -> str:
    mend = "start it with `service6 up`, or correct DATABASE_URL"
    if ssl_mode not in ENCRYPTED_MODES:
        return mend
    return f"{mend}; database.ssl_mode is {ssl_mode}: a server without TLS needs SERVICE6_DATABASE__SSL_MODE=disable"


def _schema(services: Services) -> Iterator[Finding]:
    newest = ScriptDirectory(str(migrate.SCRIPTS)).get_current_head()
    current = migrate.current(services.settings.database_url)
    if current == newest:
        yield Finding("schema", "ok", f"current ({current})")
    else:
        yield Finding("schema", "bad", f"{current or 'empty'}, the newest is {newest}", "run `service6 db upgrade`")


def _owed(services: Services) -> Iterator[Finding]:
    with services.session() as db:
        owed = unscored.backlog(db)
    backlog = f"{owed.leads} leads wait for a score, the oldest {owed.oldest_s:.0f} s"
    if owed.oldest_s > WAITING_S:
        yield Finding("work owed", "warn", backlog, "see the workers below, and logs/scoring.log")
    else:
        yield Finding("work owed", "ok", backlog)
    if owed.dead:
        yield Finding("dead leads", "warn", f"{owed.dead} leads could not be scored", "their dead letters say why")


def _redis(services: Services) -> Iterator[Finding]:
    try:
        sent_at = datetime.now(UTC)
        seconds, microseconds = services.redis.time()
        received_at = datetime.now(UTC)
        server: Any = services.redis.info()
        persistent = int(server.get("aof_enabled", 0))
        policy = server.get("maxmemory_policy", "unknown")
        alive = worker_heartbeat.alive_queues(services.redis, queues.names())
        ticking = worker_heartbeat.is_ticking(services.redis)
    except (redis.RedisError, Service6Error) as error:
        mend = "start it with `service6 up`, or correct REDIS_URL"
        yield Finding("redis", "bad", f"does not answer ({type(error).__name__})", mend)
        return
    version = str(server["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        yield Finding("redis", "bad", f"version {version}", "version 6.2 or newer, or any Valkey, is needed")
    else:
        yield Finding("redis", "ok", f"answers, version {version}")
    clock = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    yield _clock("redis clock", clock, sent_at, received_at)
    if policy != "noeviction":
        mend = "CONFIG SET maxmemory-policy noeviction, or queues are dropped when memory is short"
        yield Finding("redis memory", "bad", f"policy {policy}", mend)
    else:
        yield Finding("redis memory", "ok", "noeviction")
    if persistent:
        yield Finding("redis on disk", "ok", "appendonly")
    else:
        yield Finding("redis on disk", "warn", "nothing is kept over a restart", "CONFIG SET appendonly yes")
    yield from _workers([queue.name for queue in needed(services.settings)], alive, ticking)


def _workers(queues: Sequence[str], alive: set[str], ticking: bool) -> Iterator[Finding]:
    for queue in queues:
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


def _clock(name: str, clock: datetime, sent_at: datetime, received_at: datetime) -> Finding:
    """Compares a server's clock with the middle of the time that its answer took."""
    ahead_s = (clock - sent_at - (received_at - sent_at) / 2).total_seconds()
    apart_s = abs(ahead_s)
    level: Level = "bad" if apart_s > CLOCK_BAD_S else "warn" if apart_s > CLOCK_WARN_S else "ok"
    difference = f"{apart_s:.3f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine"
    return Finding(name, level, difference, "" if level == "ok" else "let NTP set the clocks of both machines")


def _api(services: Services) -> Iterator[Finding]:
    url = api_url(services.settings)
    try:
        live = httpx2.get(f"{url}/health/live", timeout=ANSWER_S, trust_env=False).is_success
    except (httpx2.HTTPError, httpx2.InvalidURL):
        live = False
    if live:
        yield Finding("api", "ok", f"answers at {url}")
    elif _is_taken(url):
        yield Finding("api", "bad", f"something else listens at {url}", "stop that, or `service6 up --port` another")
    else:
        yield Finding(
            "api", "warn", f"does not answer at {url}", "run `service6 up`; logs/api.log says why it does not run"
        )


def _is_taken(url: str) -> bool:
    parts = urlsplit(url)
    with closing(socket.socket()) as probe:
        probe.settimeout(ANSWER_S)
        try:
            return probe.connect_ex((parts.hostname or "", parts.port or 80)) == 0
        except OSError:
            return False


SERVER = """
    SELECT current_setting('server_version_num')::int, current_setting('server_version'), clock_timestamp()
"""
