"""`make setup` is quiet unless it fails; then the end of what it said is there."""

import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PIP = """#!/bin/sh
for line in $(seq 300); do echo "WARNING: number $line"; echo "DEPRECATION: number $line" >&2; done
echo "the reason" >&2
exit {status}
"""


@pytest.mark.parametrize(("status", "most"), [(0, 5), (1, 40)])
def test_setup_is_quiet_unless_it_fails(tmp_path: Path, status: int, most: int) -> None:
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(status=status), encoding="utf-8")
    python.chmod(0o755)
    command = ["make", "--file", str(ROOT / "Makefile"), "setup"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, encoding="utf-8")
    said = (done.stdout + done.stderr).splitlines()
    assert (done.returncode != 0) == bool(status)
    assert len(said) <= most
    assert ("the reason" in said) == bool(status)
    assert (tmp_path / ".venv" / ".installed").exists() != bool(status)
    assert (tmp_path / ".setup.log").read_text(encoding="utf-8").endswith("the reason\n")
