"""Checks everything that Service 6 depends on, and says how to mend what is wrong."""

import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from alembic.script import ScriptDirectory
from sqlalchemy import text

from commands.clock_check import clock_finding
from commands.finding import Finding, Level
from commands.redis_checks import examine_redis
from commands.secret_checks import examine_sealed, examine_secret_key
from commands.source_checks import examine_sources
from commands.state_checks import examine_state
from pipeline.errors import Service6Error
from pipeline.printable import printable_lines
from pipeline.settings.loader import load
from pipeline.storage.platform import migrate
from pipeline.storage.scores import unscored
from pipeline.wiring import Services
from workers.command_services import command_services
from workers.supervisor.api_address import api_url

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRESQL = 150000
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
        for check in (
            _python,
            _disk,
            examine_secret_key,
            examine_state,
            examine_sources,
            _postgresql,
            examine_redis,
            _api,
        ):
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
    yield clock_finding("postgresql clock", clock, sent_at, received_at)
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
        yield Finding("work owed", "warn", backlog, "see Redis and the workers below, and logs/scoring.log")
    else:
        yield Finding("work owed", "ok", backlog)
    if owed.dead:
        yield Finding("dead leads", "warn", f"{owed.dead} leads could not be scored", "their dead letters say why")


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
