"""`service6 up`: the whole system in one terminal, on embedded servers unless others are configured."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import Misconfigured
from pipeline.printable import printable
from pipeline.security.tokens import mint
from pipeline.settings.loader import Settings, embedded_servers, load, secret_variable
from pipeline.settings.server_urls import without_secrets
from schemas.access import Role
from workers.supervisor import logs, private_files, running_stack
from workers.supervisor import state_dir as state
from workers.supervisor.api_address import flower_origin, origin
from workers.supervisor.embedded_server import Server
from workers.supervisor.postgres_and_valkey import Postgres, Valkey
from workers.supervisor.process_table import applications, migration, stop_order
from workers.supervisor.program import Application
from workers.supervisor.startup_summary import StartupSummary
from workers.supervisor.supervisor import Stopped, Supervisor

READY_S = 60.0
MIGRATION_S = 600.0


def up(
    state_dir: Path,
    *,
    sample: bool = False,
    host: str | None = None,
    port: int | None = None,
    flower_port: int | None = None,
) -> None:
    """Runs the system until a signal stops it. Arguments become settings of all programs."""
    began = time.monotonic()
    state_dir = state_dir.resolve()
    given = {"SERVICE6_API__HOST": host, "SERVICE6_API__PORT": port, "SERVICE6_FLOWER__PORT": flower_port}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    supervisor = Supervisor(stop_order(), _say)
    # All files that are created from here on are private.
    os.umask(0o077)
    state.make(state_dir)
    with state.held(state_dir, origin(load(state_dir))) as claim, supervisor.signals():
        try:
            private_files.tighten(state_dir)
            limits = load(state_dir).logs
            logs.bound(state_dir, limits)
            overview = _start(state_dir, supervisor, claim, sample=sample)
            _say(overview.after(time.monotonic() - began))
            supervisor.watch(partial(logs.bound, state_dir, limits), limits.check_s)
        except Stopped:
            _say("stopping; a second Ctrl-C kills")
        finally:
            supervisor.stop()
            state.forget_addresses(state_dir)
        _say("stopped")


def _start(state_dir: Path, supervisor: Supervisor, claim: int, *, sample: bool) -> StartupSummary:
    configured = load(state_dir)
    _require_free(configured.api.host, configured.api.port, "--port")
    _require_free(configured.flower.host, configured.flower.port, "--flower-port")
    flower_password, is_new = _secrets(state_dir, configured)
    servers = _embedded(state_dir, configured)
    addresses = {variable: server.url for variable, server in servers.items()}
    addresses = {**addresses, "API_URL": origin(configured), **running_stack.note(os.environ)}
    state.write_addresses(state_dir, addresses)
    settings = load(state_dir)  # with the secrets and the addresses
    environment = _environment(state_dir)

    supervisor.start(*servers.values())
    supervisor.wait_until_ready(*servers.values(), within_s=READY_S)
    supervisor.complete(migration(state_dir, environment), within_s=MIGRATION_S)
    programs = applications(settings, environment, flower_password=flower_password, sample=sample)
    token = _token(settings)
    probes = {"api": partial(_answers, settings, token)}
    started = [Application(program, keep=(claim,), probe=probes.get(program.name)) for program in programs]
    supervisor.start(*started)
    supervisor.wait_until_ready(*started, within_s=READY_S)
    names = [program.name for program in programs]
    return _overview(settings, servers, names, token, flower_password if is_new else None)


def _overview(
    settings: Settings, servers: Mapping[str, Server], names: list[str], token: str, flower_password: str | None
) -> StartupSummary:
    return StartupSummary(
        state_dir=settings.state_dir,
        origin=origin(settings),
        webhook_secret=_place_of_secret(settings),
        token=token,
        token_hours=settings.tokens.access_minutes / 60,
        flower=flower_origin(settings),
        flower_password=flower_password,
        database=_shown(settings.database_url, "DATABASE_URL" in servers),
        redis=_shown(settings.redis_url, "REDIS_URL" in servers),
        processes=names,
    )


def _secrets(state_dir: Path, configured: Settings) -> tuple[str, bool]:
    """Creates missing secrets; returns Flower's password, and whether it is new."""
    if not configured.secret_key.get_secret_value():
        state.secret(state_dir, "secret-key", 32)
    if not configured.webhook_secrets["standard"]:
        state.secret(state_dir, "webhook-secret-standard", 24, prefix="whsec_")
    return state.secret(state_dir, "flower-password", 12)


def _place_of_secret(settings: Settings) -> str:
    """Where the secret that signs webhooks is found."""
    variable = secret_variable("standard")
    return f"${variable}" if os.environ.get(variable) else str(settings.state_dir / "webhook-secret-standard")


def _embedded(state_dir: Path, configured: Settings) -> dict[str, Server]:
    """The servers to start, by the variable that would configure another one."""
    addresses = embedded_servers(state_dir)
    servers: dict[str, Server] = {}
    if configured.database.url.get_secret_value() in ("", addresses.get("DATABASE_URL")):
        servers["DATABASE_URL"] = Postgres(state_dir / "postgres", log=logs.log_of(state_dir, "postgres"))
    if configured.redis.url.get_secret_value() in ("", addresses.get("REDIS_URL")):
        servers["REDIS_URL"] = Valkey(state_dir / "valkey", log=logs.log_of(state_dir, "valkey"))
    return servers


def _environment(state_dir: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SERVICE6_STATE_DIR": str(state_dir),
        # Cleared, or the counts of processes long gone would be added up for ever.
        "PROMETHEUS_MULTIPROC_DIR": str(state.empty_directory(state_dir / "metrics")),
        "PYTHONUNBUFFERED": "1",
        # A memory arena a thread is a tenth of the stack's memory.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _require_free(host: str, port: int, option: str) -> None:
    with closing(socket.socket()) as probe:
        # As the servers do: connections that linger after an earlier run are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(f"{host}:{port}: {error.strerror}; choose another with {option}") from None


def _token(settings: Settings) -> str:
    return mint(
        settings.secret_key.get_secret_value(),
        role=Role.ADMIN,
        sub="service6-up",
        lifetime=timedelta(minutes=settings.tokens.access_minutes),
        now=datetime.now(UTC),
    )


def _answers(settings: Settings, token: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(origin(settings)).netloc, timeout=2)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health/ready", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status == http.client.OK
    return False


def _shown(url: str, embedded: bool) -> str:
    return f"{'embedded, ' if embedded else ''}{without_secrets(url)}"


def _say(line: str) -> None:
    # The terminal may be gone; the programs still want an orderly end.
    with suppress(OSError):
        print(printable(line, keep="\n"), flush=True)
