"""What a stack may suffer: each fault has a name, how it is done, and how it ends.

Where nothing has to be undone the product itself must come back. `hurt` may return before the harm is seen.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psutil
from sqlalchemy import text

from tests.chaos import database
from tests.chaos.hurt import Stack
from workers.supervisor.postgres_and_valkey import DATABASE, VALKEY_SETTINGS

Deed = Callable[[Stack], None]

# A segment of the write-ahead log is 16 MiB: below that it cannot be written, at that only tables cannot grow.
WAL_SEGMENT = 16 << 20
FILLING = "filling"


def nothing(_: Stack) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    """`deliveries`: how many the CRMs post while it lasts. `quick`: part of `make test`.

    `silent`: a vendor may wait in vain for an answer; otherwise each gets one, if only that it should come again.
    `felt`: how a vendor notices it, so that a fault that does no harm is no proof of anything. `server`: which one it
    is done to, or done by asking it.
    """

    name: str
    hurt: Deed
    heal: Deed = nothing
    deliveries: int = 60
    quick: bool = False
    silent: bool = False
    felt: str | None = None
    server: str | None = None


def kill(program: str, stack: Stack) -> None:
    os.kill(stack.pid(program), signal.SIGKILL)


def kill_family(program: str, stack: Stack) -> None:
    stack.send(program, signal.SIGKILL)


def kill_children(program: str, stack: Stack) -> None:
    for child in stack.family(program)[1:]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def stop(program: str, stack: Stack) -> None:
    stack.send(program, signal.SIGSTOP)


def go_on(program: str, stack: Stack) -> None:
    stack.send(program, signal.SIGCONT)


def kill_supervisor(stack: Stack) -> None:
    stack.kill_supervisor()


def up_again(stack: Stack) -> None:
    stack.start()


def flush(stack: Stack) -> None:
    with stack.redis() as client:
        client.flushall()


def refuse_memory(stack: Stack) -> None:
    with stack.redis() as client:
        client.config_set("maxmemory", "1mb")


def allow_memory(stack: Stack) -> None:
    with stack.redis() as client:
        client.config_set("maxmemory", VALKEY_SETTINGS["maxmemory"])


def drop_clients(stack: Stack) -> None:
    with stack.redis() as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)


SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"


def end_idle_sessions(stack: Stack) -> None:
    with database.connected(stack.place) as db:
        db.execute(text(f"{SESSIONS} AND state = 'idle'"), {"name": DATABASE})


def end_sessions(stack: Stack) -> None:
    with database.connected(stack.place) as db:
        db.execute(text(SESSIONS), {"name": DATABASE})


def demote(stack: Stack) -> None:
    """As a primary that has become a standby: whoever connects may only read."""
    with database.connected(stack.place) as db:
        db.execute(text(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on"))
    end_sessions(stack)


def promote(stack: Stack) -> None:
    """New connections may write; those that are open stay as they are, as after a failover to another address."""
    with database.connected(stack.place) as db:
        db.execute(text(f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only"))


def limit_files(program: str, size: int, stack: Stack) -> None:
    """No file of its may grow beyond that: what a full disk is to one program. Needs no mount and no right."""
    for each in stack.family(program):
        with suppress(psutil.NoSuchProcess):
            _limit(each, "fsize", size)


def free_files(program: str, stack: Stack) -> None:
    _free("fsize", program, stack)


def limit_memory(program: str, more: int, stack: Stack) -> None:
    """It may have that many bytes of address space more than it has now."""
    for each in stack.family(program):
        with suppress(psutil.NoSuchProcess):
            _limit(each, "as", each.memory_info().vms + more)


def free_memory(program: str, stack: Stack) -> None:
    _free("as", program, stack)


def _free(what: str, program: str, stack: Stack) -> None:
    for each in stack.family(program):
        with suppress(psutil.NoSuchProcess):
            _limit(each, what, resource.RLIM_INFINITY)


def _limit(process: psutil.Process, what: str, size: int) -> None:
    """From a process of its account: another's limits may only be changed by who has all rights, even as root."""
    soft = "unlimited" if size == resource.RLIM_INFINITY else str(size)
    account = {"user": process.uids().real, "group": process.gids().real, "extra_groups": []}
    whose = account if os.geteuid() == 0 and process.uids().real else {}
    command = ["prlimit", f"--pid={process.pid}", f"--{what}={soft}:"]
    limited = subprocess.run(command, check=False, capture_output=True, text=True, **whose, encoding="utf-8")
    if limited.returncode and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        raise AssertionError(limited.stderr)


def fill_disk(stack: Stack) -> None:
    """A table that every webhook writes can grow no more."""
    with database.connected(stack.place) as db:
        rows = text("INSERT INTO deliveries SELECT :source, repeat('x', 150) || n FROM generate_series(1, 150000) AS n")
        db.execute(rows, {"source": FILLING})
    limit_files("postgres", WAL_SEGMENT, stack)


def free_disk(stack: Stack) -> None:
    free_files("postgres", stack)
    with database.connected(stack.place) as db:
        db.execute(text("DELETE FROM deliveries WHERE source = :source"), {"source": FILLING})


OURS = ("api", "publisher", "scoring", "upkeep", "beat")


def fill_disk_of_ours(stack: Stack) -> None:
    """Not a byte to any log, heartbeat or schedule."""
    for program in OURS:
        limit_files(program, 0, stack)


def free_disk_of_ours(stack: Stack) -> None:
    for program in OURS:
        free_files(program, stack)


FELT = {"api": "cut off", "postgres": "503"}
KILLED = ("api", "publisher", "scoring", "upkeep", "beat", "valkey", "postgres")
LONG = ("api", "publisher", "scoring", "upkeep", "valkey", "postgres")
LONG_DELIVERIES = 600  # longer than any patience: of the vendors, of the pools, of the broker's clients
QUICK = frozenset({"api", "postgres", "valkey"})
SERVERS = frozenset({"postgres", "valkey"})


def killed(name: str) -> Fault:
    server = name if name in SERVERS else None
    return Fault(f"{name}-killed", partial(kill, name), quick=name in QUICK, felt=FELT.get(name), server=server)


def stopped(name: str, *, long: bool = False) -> Fault:
    return Fault(
        f"{name}-stopped-long" if long else f"{name}-stopped",
        partial(stop, name),
        partial(go_on, name),
        deliveries=LONG_DELIVERIES if long else 100,
        silent=long and name == "api",
        server=name if name in SERVERS else None,
    )


PROGRAMS = [
    *(killed(name) for name in KILLED),
    Fault("scoring-killed-with-children", partial(kill_family, "scoring")),
    Fault("scoring-child-killed", partial(kill_children, "scoring"), quick=True),
    killed("outbound"),
    stopped("outbound"),
    Fault("supervisor-killed", kill_supervisor, up_again, felt="cut off"),
    *(stopped(name) for name in KILLED),
    *(stopped(name, long=True) for name in LONG),
    Fault("disk-full-of-programs", fill_disk_of_ours, free_disk_of_ours),
    Fault("scoring-out-of-memory", partial(limit_memory, "scoring", 1 << 20), partial(free_memory, "scoring")),
]
POSTGRES = [
    Fault("postgres-backends-killed", partial(kill_children, "postgres"), server="postgres"),
    Fault("idle-sessions-ended", end_idle_sessions, quick=True, server="postgres"),
    Fault("all-sessions-ended", end_sessions, server="postgres"),
    Fault("read-only", demote, promote, felt="503", server="postgres"),
    Fault("disk-full", fill_disk, free_disk, quick=True, felt="503", server="postgres"),
    Fault(
        "disk-full-under-the-log",
        partial(limit_files, "postgres", 1 << 20),
        partial(free_files, "postgres"),
        felt="503",
        server="postgres",
    ),
]
VALKEY = [
    Fault("valkey-flushed", flush, quick=True, server="valkey"),
    Fault("valkey-clients-dropped", drop_clients, server="valkey"),
    Fault("valkey-out-of-memory", refuse_memory, allow_memory, quick=True, server="valkey"),
    Fault("disk-full-of-valkey", partial(limit_files, "valkey", 0), partial(free_files, "valkey"), server="valkey"),
]
FAULTS = [*PROGRAMS, *POSTGRES, *VALKEY]
BY_NAME = {fault.name: fault for fault in FAULTS}
