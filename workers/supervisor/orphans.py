"""Finds and ends the processes of a killed supervisor, which still hold the lock that they inherited from it.

A process that is stopped (SIGSTOP) does not hear that its parent died. The claim is in its hands because it inherited
it: so it is ours, whatever its number and name are by now. Elsewhere than on Linux nobody can tell who holds a claim.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from signal import Signals

PROCESSES = Path("/proc")


def holders(lock: Path) -> list[int]:
    """The other processes that hold the lock on this file."""
    return [pid for pid in _processes() if pid != os.getpid() and holds(pid, lock)]


def holds(pid: int, lock: Path) -> bool | None:
    """Whether a process holds the lock; None if that is unknown: on another system, or for another user's process."""
    wanted = lock.stat()
    try:
        opened = list((PROCESSES / str(pid) / "fd").iterdir())
    except OSError:
        return None
    for descriptor in opened:
        with suppress(OSError):  # closed meanwhile
            opened_file = descriptor.stat()
            if (opened_file.st_dev, opened_file.st_ino) != (wanted.st_dev, wanted.st_ino):
                continue
            # A process that has the file open without the lock only waits for it.
            if "FLOCK" in (PROCESSES / str(pid) / "fdinfo" / descriptor.name).read_text(encoding="utf-8"):
                return True
    return False


def orphans(lock: Path, owner: int | None) -> list[int]:
    """The lock's holders, if `owner`, who started them, is gone; none if the owner is not known (None)."""
    pids = holders(lock)
    if owner is None or owner in pids or any(_parent(pid) == owner for pid in pids):
        return []
    return pids


def ask(lock: Path, pids: Iterable[int], stop_signal: Signals) -> None:
    """Asks processes to end in order; children of other listed processes are told by their parent."""
    targets = list(pids)
    for pid in targets:
        if _parent(pid) not in targets:
            _send(lock, pid, stop_signal)
    for pid in targets:
        _send(lock, pid, signal.SIGCONT)  # a stopped process receives nothing


def kill(lock: Path, pids: Iterable[int]) -> None:
    for pid in pids:
        _send(lock, pid, signal.SIGKILL)


def _send(lock: Path, pid: int, number: Signals) -> None:
    """Sends a signal, unless the process id belongs to another process by now."""
    with suppress(ProcessLookupError, PermissionError):
        if holds(pid, lock):
            os.kill(pid, number)


def _processes() -> list[int]:
    try:
        return [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _parent(pid: int) -> int | None:
    try:
        # The process name is in brackets, and may contain anything, in any encoding.
        return int((PROCESSES / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None
