"""Locks a directory for as long as any process that inherited the lock lives, so that orphans keep others out."""

import fcntl
import os
import time
from pathlib import Path


def lock_directory(path: Path, *, wait_s: float = 0.0) -> int | None:
    """A locked file descriptor, or None if others held the lock all that time.

    The lock ends when the last copy of the descriptor is closed, however its holders ended.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(0.05)
        else:
            return descriptor
