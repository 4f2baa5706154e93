"""Keeps a state directory private, and closes what an older version left open."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
READ_AND_WRITE = 0o066
FILES = ("lock", "servers.json*", "secret-key*", "webhook-secret-*", "flower-password*", "beat*")
FOLDERS = ("logs", "metrics", "heartbeats")
# As root the servers run under another account, which must pass through.
SERVERS = ("postgres", "valkey")
# These keep their modes: PostgreSQL manages its own, and its account must reach the binaries.
LEFT_ALONE = ("data", "binaries-")


def tighten(state_dir: Path) -> None:
    """Tightens the modes of files known to be ours; other files in the directory stay as they are."""
    for path in exposed(state_dir):
        with suppress(OSError):
            path.chmod(path.stat().st_mode & ~_forbidden(path))


def exposed(state_dir: Path) -> Iterator[Path]:
    """The paths that others may read, write or enter and should not."""
    for path in _ours(state_dir):
        with suppress(OSError):
            if not path.is_symlink() and path.stat().st_mode & _forbidden(path):
                yield path


def _forbidden(path: Path) -> int:
    passed_through = path.name in SERVERS and path.is_dir() and os.geteuid() == 0
    return READ_AND_WRITE if passed_through else OTHERS


def _ours(state_dir: Path) -> Iterator[Path]:
    for pattern in FILES:
        yield from (path for path in state_dir.glob(pattern) if path.is_file())
    for name in (*FOLDERS, *SERVERS):
        for folder, folders, files in os.walk(state_dir / name):
            folders[:] = [inner for inner in folders if not inner.startswith(LEFT_ALONE)]
            yield Path(folder)
            yield from (Path(folder) / file for file in files)
