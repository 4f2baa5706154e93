"""Workers that do not train load no training library: it costs a hundred MiB, and need not be there."""

import os
import subprocess
import sys
from pathlib import Path

IMPORTING = """
import importlib, pkgutil, sys
import tasks, workers.worker
for module in pkgutil.iter_modules(tasks.__path__):
    importlib.import_module(f"tasks.{module.name}")
print(*sorted({"sklearn", "interpret", "joblib", "pandas"} & sys.modules.keys()))
"""


def test_no_task_loads_a_training_library_until_it_trains(tmp_path: Path) -> None:
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        env={**os.environ, **nowhere, "SERVICE6_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
