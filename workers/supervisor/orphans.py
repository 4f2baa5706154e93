"""What a supervisor that was killed left behind: the processes that still hold a claim which it had made for them.

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
    """The processes that hold the claim on this file, this one not counted."""
    return [pid for pid in _processes() if pid != os.getpid() and holds(pid, lock)]


def holds(pid: int, lock: Path) -> bool | None:
    """None where nobody can tell: on another system, or of another user's process."""
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
            # Whoever has the file open and not the claim only waits for it.
            if "FLOCK" in (PROCESSES / str(pid) / "fdinfo" / descriptor.name).read_text():
                return True
    return False


def orphans(lock: Path, owner: int | None) -> list[int]:
    """Its holders, if `owner`, who started them, is gone. They are left alone where the owner is not known (None)."""
    pids = holders(lock)
    if owner is None or owner in pids or any(_parent(pid) == owner for pid in pids):
        return []
    return pids


def ask(lock: Path, pids: Iterable[int], stop_signal: Signals) -> None:
    """To end in order: those that others of them started are told by their parent."""
    targets = list(pids)
    for pid in targets:
        if _parent(pid) not in targets:
            _send(lock, pid, stop_signal)
    for pid in targets:
        _send(lock, pid, signal.SIGCONT)  # a stopped process hears nothing


def kill(lock: Path, pids: Iterable[int]) -> None:
    for pid in pids:
        _send(lock, pid, signal.SIGKILL)


def _send(lock: Path, pid: int, number: Signals) -> None:
    """Never to a stranger who has got the number of one that has ended."""
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
        # The name stands in brackets, and may hold anything.
        return int((PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
