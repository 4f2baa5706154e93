"""Bounds the logs of the supervisor's programs while they are written, and keeps them private.

A program writes to a descriptor that it got when it was started, and goes on if its supervisor is killed: no pipe can
break. So a log is not renamed but copied aside and emptied. What is written in the microseconds between is lost.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pipeline import errors
from pipeline.settings.sections import LogSettings

LAST_BYTES = 4096  # of a log, where its last line stands
OUR_ERRORS = f"{errors.__name__}."


def log_of(state_dir: Path, name: str) -> Path:
    folder = state_dir / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.log"


def bound(state_dir: Path, limits: LogSettings) -> None:
    """Rotates large logs; a full disk or a log that cannot be rotated raises nothing."""
    for log in sorted((state_dir / "logs").glob("*.log")):
        with suppress(OSError):
            if log.stat().st_size > limits.bytes:
                _empty(log, limits)


def last_error(log: Path) -> str:
    """`: ` and the text of the error of ours that the log ends with, which may be shown; empty for anything else."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
        kind, colon, reason = lines[-1].partition(": ") if lines else ("", "", "")
        if colon and kind.startswith(OUR_ERRORS):
            return f": {reason}"
    return ""


def _empty(log: Path, limits: LogSettings) -> None:
    try:
        for number in range(limits.kept, 1, -1):
            with suppress(FileNotFoundError):
                _aside(log, number - 1).replace(_aside(log, number))
        if limits.kept:
            _copy_the_end(log, _aside(log, 1), limits.bytes)
    except OSError:
        # The bound is worth more than what the log holds: a full disk stops PostgreSQL.
        if log.stat().st_size <= 2 * limits.bytes:
            raise
    os.truncate(log, 0)


def _copy_the_end(log: Path, aside: Path, size: int) -> None:
    """Copies the last `size` bytes, from the beginning of a line."""
    unfinished = aside.with_name(f"{aside.name}.unfinished")
    try:
        with log.open("rb") as source, open(unfinished, "wb", opener=_private) as copy:
            start = max(0, log.stat().st_size - size)
            source.seek(start)
            if start:
                source.readline()
            shutil.copyfileobj(source, copy)
        unfinished.replace(aside)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _aside(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
