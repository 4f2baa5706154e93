"""The processes that `service6 up` runs, and the order in which they stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.settings.loader import Settings
from pipeline.settings.sections import FlowerSettings
from tasks import queues
from workers.supervisor.logs import log_of
from workers.supervisor.program import Program

# Together with those of the queues and the servers 30 s, the longest that Ctrl-C may take. Sockets are sent away within
# DRAIN_S.
GRACE_S = {"simulator": 2, "api": 8, "beat": 4, "publisher": 4, "flower": 4}
DRAIN_S = 4

CELERY = (sys.executable, "-m", "celery", "-A")
WORKER = (*CELERY, "workers.worker", "worker")
BROKER = (*CELERY, "workers.broker")
FLOWER = (*CELERY, "workers.flower")


def stop_order() -> tuple[tuple[str, ...], ...]:
    """Producers first, then what passes their work on, then the workers, then the servers that all of them need."""
    return (("simulator",), ("api",), ("beat", "publisher", "flower"), queues.names(), ("valkey",), ("postgres",))


def graces_s() -> dict[str, int]:
    """Seconds that each process has to end before it is killed."""
    return {**GRACE_S, **{queue.name: queue.grace_s for queue in queues.QUEUES}}


def applications(
    settings: Settings, environment: Mapping[str, str], *, flower_password: str, sample: bool
) -> list[Program]:
    """All but the servers, in the order in which they are started."""
    state_dir = settings.state_dir
    graces = graces_s()

    def program(name: str, *argv: str, **variables: str) -> Program:
        # Nothing is lost when they are killed: what is owed is a row. So they die at once with their parent.
        return Program(
            name=name,
            argv=argv,
            log=log_of(state_dir, name),
            environment={**environment, **variables},
            death_signal=signal.SIGKILL,
            grace_s=graces[name],
        )

    programs = [
        program("api", sys.executable, "-m", "workers.api", SERVICE6_RELAY__DRAIN_S=str(DRAIN_S)),
        *(program(queue.name, *worker(queue.name, queue.processes(settings))) for queue in queues.needed(settings)),
        program("publisher", sys.executable, "-m", "workers.publisher"),
        program("beat", *BROKER, "beat", "--scheduler=celery.beat:Scheduler", "--pidfile="),
        # An argument could be read by every user of the machine.
        program("flower", *_flower(settings.flower), FLOWER_BASIC_AUTH=f"service6:{flower_password}"),
    ]
    if sample:
        programs.append(program("simulator", sys.executable, "-m", "workers.simulator", "--sample"))
    return programs


def migration(state_dir: Path, environment: Mapping[str, str]) -> Program:
    """The program that migrates the database; a process of its own, because its imports need memory."""
    return Program(
        name="migrate",
        argv=(sys.executable, "-m", "cli", "db", "upgrade"),
        log=log_of(state_dir, "migrate"),
        environment=environment,
        # Each step is one transaction. A milder signal would not reach one that is stopped.
        death_signal=signal.SIGKILL,
    )


def worker(queue: str, processes: int) -> tuple[str, ...]:
    """The command of a Celery worker of this queue."""
    return (
        *(*WORKER, "-Q", queue, "-n", f"{queue}@%h", "-c", str(processes)),
        # Gossip and mingle make workers know each other, which ours do not need.
        *("--without-gossip", "--without-mingle", "--disable-prefetch"),
    )


def _flower(flower: FlowerSettings) -> tuple[str, ...]:
    # Without events: three a task would cost more than scoring a lead does.
    return (*FLOWER, "flower", f"--address={flower.host}", f"--port={flower.port}", "--enable_events=False")
