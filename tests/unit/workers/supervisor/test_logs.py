"""Logs are bounded while real programs write to them, and nobody else may read them."""

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from pipeline.settings.sections import LogSettings
from workers.supervisor import logs
from workers.supervisor.program import Program

LIMITS = LogSettings(bytes=10_000, kept=3, check_s=1)
WRITING = """
import os, sys, time
for number in range(int(sys.argv[1])):
    os.write(1, f"line {number:08}\\n".encode())
    time.sleep(0.0001)
"""


def names(state_dir: Path) -> list[str]:
    return sorted(path.name for path in (state_dir / "logs").iterdir())


def test_a_large_log_moves_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = logs.log_of(tmp_path, "api")
    for letter in "abcde":
        log.write_text(letter * 10_001, encoding="utf-8")
        logs.bound(tmp_path, LIMITS)
    assert names(tmp_path) == ["api.log", "api.log.1", "api.log.2", "api.log.3"]
    assert log.read_text(encoding="utf-8") == ""
    log.write_text("abc\n" * 2600, encoding="utf-8")
    logs.bound(tmp_path, LIMITS)
    assert (tmp_path / "logs" / "api.log.1").read_text(encoding="utf-8") == "abc\n" * 2499  # whole lines


def test_a_small_log_goes_on(tmp_path: Path) -> None:
    logs.log_of(tmp_path, "api").write_text("one", encoding="utf-8")
    logs.bound(tmp_path, LIMITS)
    assert logs.log_of(tmp_path, "api").read_text(encoding="utf-8") == "one"
    assert names(tmp_path) == ["api.log"]


def test_none_need_be_kept(tmp_path: Path) -> None:
    logs.log_of(tmp_path, "api").write_text("a" * 20_000, encoding="utf-8")
    logs.bound(tmp_path, LIMITS.model_copy(update={"kept": 0}))
    assert names(tmp_path) == ["api.log"]
    assert logs.log_of(tmp_path, "api").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("programs", [1, 3])
def test_a_program_goes_on_writing_while_its_log_moves_aside(tmp_path: Path, programs: int) -> None:
    """Several write to one: a worker's children share its log."""
    log = logs.log_of(tmp_path, "worker")
    writing = Program("worker", (sys.executable, "-S", "-c", WRITING, "5000"), log, dict(os.environ))
    runs = [writing.spawn() for _ in range(programs)]
    moved = 0
    while any(run.alive for run in runs):
        full = log.stat().st_size > LIMITS.bytes
        logs.bound(tmp_path, LIMITS)
        moved += full
        assert set(names(tmp_path)) <= {"worker.log", "worker.log.1", "worker.log.2", "worker.log.3"}
        time.sleep(0.001)
    assert moved >= 3
    for path in (tmp_path / "logs").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(line.startswith("line ") and len(line) == 13 for line in lines)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if programs == 1:
        kept = [
            (tmp_path / "logs" / f"worker.log{suffix}").read_text(encoding="utf-8") for suffix in (".3", ".2", ".1", "")
        ]
        numbers = [int(line.split()[1]) for line in "".join(kept).splitlines()]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 4_999


def test_what_cannot_move_aside_is_kept_as_long_as_it_is_not_twice_as_large(tmp_path: Path) -> None:
    log = logs.log_of(tmp_path, "api")
    (tmp_path / "logs" / "api.log.1.unfinished").mkdir()  # nothing can be written there
    log.write_text("a" * 15_000, encoding="utf-8")
    logs.bound(tmp_path, LIMITS)
    assert log.stat().st_size == 15_000
    log.write_text("a" * 25_000, encoding="utf-8")
    logs.bound(tmp_path, LIMITS)
    assert log.stat().st_size == 0


def test_a_new_log_is_private_whatever_the_umask(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        log = logs.log_of(tmp_path, "api")
        Program("api", ("/bin/true",), log).spawn().child.wait()
    finally:
        os.umask(former)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            "Traceback\n  File x\npipeline.errors.Misconfigured: source standard: 6 bytes\n",
            ": source standard: 6 bytes",
        ),
        ("x" * 9000 + "\npipeline.errors.TryAgain: Redis is away", ": Redis is away"),
        ("pipeline.errors.GiveUp: earlier\nValueError: jane@example.com\n", ""),  # may quote a value
        ("pipeline.errors.GiveUp", ""),
        ("\xff", ""),
        ("", ""),
    ],
)
def test_the_error_that_a_log_ends_with(tmp_path: Path, content: str, shown: str) -> None:
    log = tmp_path / "api.log"
    log.write_text(content, "latin-1")
    assert logs.last_error(log) == shown
    assert logs.last_error(tmp_path / "none.log") == ""
