"""A program as the supervisor knows it, and one run of it."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import NamedTuple

from pipeline.errors import Misconfigured

LAUNCHER = Path(__file__).with_name("child.py")


class Account(NamedTuple):
    """Whom a program runs as; -1 is whoever starts it."""

    uid: int
    gid: int

    @property
    def differs(self) -> bool:
        return self.uid >= 0

    def own(self, path: Path) -> None:
        if self.differs:
            os.chown(path, self.uid, self.gid)


SELF = Account(-1, -1)


def unprivileged() -> Account:
    """As root the account that the embedded servers drop to, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return SELF
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Misconfigured(
        "as root the embedded servers need an account `postgres` or `nobody`; run as another user"
    )


@dataclass(frozen=True)
class Program:
    """`death_signal` is what it gets when its parent dies; `grace_s` how long it may take to stop."""

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # all of it
    directory: Path | None = None
    account: Account = SELF
    stop_signal: Signals = signal.SIGTERM
    death_signal: Signals = signal.SIGTERM
    grace_s: float = 10.0

    def spawn(self, *, keep: tuple[int, ...] = ()) -> Run:
        """Only from the main thread: the death signal comes when the spawning *thread* ends.

        `keep` are file descriptors that stay open in the program and in all that it forks.
        """
        with self.log.open("ab") as log:
            return Run(
                self,
                subprocess.Popen(
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        str(LAUNCHER),
                        str(self.account.uid),
                        str(self.account.gid),
                        str(int(self.death_signal)),
                        str(os.getpid()),
                        *self.argv,
                    ],
                    env=dict(self.environment),
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=keep,
                    # A Ctrl-C reaches the supervisor alone; it then stops its programs in order.
                    start_new_session=True,
                ),
            )


@dataclass(frozen=True)
class Run:
    program: Program
    child: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child.poll() is None

    def ask_to_stop(self) -> None:
        if self.alive:
            self.child.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """Ends it with all it forked: it leads a session of its own."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.child.wait()

    def stop(self) -> int:
        self.ask_to_stop()
        return self.ended()

    def ended(self) -> int:
        """Waits for its end, and ends it after its grace."""
        try:
            self.child.wait(self.program.grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.child.wait()
