"""No command loads what it does not need: a look at a queue must not cost seconds of processor time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "celery",
    "kombu",
    "fastapi",
    "starlette",
    "uvicorn",
    "numpy",
    "alembic",
    "flower",
    "httpx2",
    "sklearn",
    "pandas",
    "rich",
}
DATABASE = {"sqlalchemy", "psycopg2"}
REDIS = {"redis"}
RUNNING = """
import sys
import cli
try:
    cli.main(sys.argv[2:], prog_name="service6")
except SystemExit:
    pass
print(*sorted(set(sys.argv[1].split(",")) & sys.modules.keys()), file=sys.stderr)
"""


def loaded(tmp_path: Path, unwanted: set[str], *arguments: str) -> str:
    """Which of these modules the command has loaded when it ends; no server is there."""
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "postgresql+psycopg2://a:b@127.0.0.1:1/none"}
    key = {"SERVICE6_SECRET_KEY": "a secret key of a test, long enough".replace(" ", "-")}
    done = subprocess.run(
        [sys.executable, "-c", RUNNING, ",".join(unwanted), *arguments],
        env={**os.environ, **nowhere, **key, "SERVICE6_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("unwanted", "arguments"),
    [
        (HEAVY | DATABASE | REDIS | {"pydantic_settings", "yaml"}, ["--help"]),
        (HEAVY | DATABASE | REDIS, ["token", "--role", "admin"]),
        (HEAVY | DATABASE | REDIS, ["completion", "zsh"]),
        (HEAVY | DATABASE | REDIS, ["logs"]),
        (HEAVY | DATABASE | REDIS, ["open"]),
        (HEAVY, ["queues"]),
        (HEAVY, ["dead-letters"]),
        (HEAVY, ["runs"]),
        (HEAVY, ["runs", "show", "1"]),
        (HEAVY, ["models"]),
        (HEAVY, ["models", "trainings"]),
        (HEAVY - {"numpy"}, ["score", "1"]),  # it scores
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_loads_what_it_needs(tmp_path: Path, unwanted: set[str], arguments: list[str]) -> None:
    assert loaded(tmp_path, unwanted, *arguments) == ""
