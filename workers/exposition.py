"""The processes' figures as Prometheus reads them."""

import os
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pipeline.metrics import host


def exposition(metrics_dir: Path | None) -> bytes:
    """Of all processes that share the directory; of this one alone if there is none."""
    registry: CollectorRegistry = REGISTRY
    if metrics_dir is not None:
        _forget_dead(metrics_dir)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(metrics_dir))  # type: ignore[no-untyped-call]
    return bytes(generate_latest(registry))


def _forget_dead(metrics_dir: Path) -> None:
    """Open sockets and their like end with their process, but its file stays. Another host knows its own."""
    for file in metrics_dir.glob(f"gauge_live*_{host()}-*.db"):
        identity = file.stem.rpartition("_")[2]
        if not _alive(int(identity.rpartition("-")[2])):
            mark_process_dead(identity, path=str(metrics_dir))  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
