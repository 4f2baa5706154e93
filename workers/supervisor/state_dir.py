"""The state directory of `service6 up`: its lock, its secrets, its addresses."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Refused
from pipeline.settings.secret_files import secret_file
from workers.supervisor import orphans
from workers.supervisor.directory_lock import lock_directory

ORPHANS_S = 15.0  # how long the processes of a killed supervisor may take to end


def make(path: Path) -> None:
    """Creates the directory and its parents. As root, the servers' account may pass through but not list it."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(mode)


@contextmanager
def held(state_dir: Path, address: str) -> Iterator[int]:
    """Locks the directory and yields the descriptor, which all programs keep open; Refused if another stack runs."""
    path = state_dir / "lock"
    descriptor = lock_directory(path) or _claim_from_the_dead(path)
    try:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {address}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def holder(state_dir: Path) -> tuple[int, str] | None:
    """The process and the address of the `service6 up` that runs on the directory, or None."""
    try:
        pid, _, address = (state_dir / "lock").read_text(encoding="utf-8").partition(" ")
    except OSError:
        return None
    return (int(pid), address) if pid.isdecimal() and _alive(int(pid)) else None


def _claim_from_the_dead(path: Path) -> int:
    named = holder(path.parent)
    if named and orphans.holds(named[0], path) is not False:
        raise Refused(f"service6 is up already: process {named[0]}, {named[1]}")
    # They die with their supervisor, but what they forked may be stopped; nothing is lost when it is killed.
    pid = path.read_text(encoding="utf-8").partition(" ")[0]
    orphans.kill(path, orphans.orphans(path, int(pid) if pid.isdecimal() else None))
    descriptor = lock_directory(path, wait_s=ORPHANS_S)
    if descriptor is None:
        who = " ".join(map(str, orphans.holders(path)))
        mend = f"end them with: kill -9 {who}" if who else "wait for them to end"
        raise Refused(f"processes of an earlier `service6 up` still run on {path.parent}; {mend}")
    return descriptor


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def secret(state_dir: Path, name: str, size: int, prefix: str = "") -> tuple[str, bool]:
    """The secret of this name, made of that many random bytes if it is missing, and whether it is new.

    Raises Misconfigured for an empty file.
    """
    if (secret := secret_file(state_dir, name)) is not None:
        return secret, False
    new_secret = prefix + base64.b64encode(secrets.token_bytes(size)).decode()
    write_private(state_dir / name, new_secret)
    return new_secret, True


def write_addresses(state_dir: Path, addresses: Mapping[str, str]) -> None:
    """Writes the addresses for the other commands."""
    write_private(state_dir / "servers.json", json.dumps(addresses, indent=2))


def forget_addresses(state_dir: Path) -> None:
    """Removes the addresses, so that other commands report that nothing runs, not that a server does not answer."""
    (state_dir / "servers.json").unlink(missing_ok=True)


def write_private(path: Path, content: str) -> None:
    """Writes a file atomically that only its owner may read."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)


def empty_directory(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path
