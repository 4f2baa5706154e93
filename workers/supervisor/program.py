"""Programs that the supervisor runs, and their runs."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import NamedTuple

from pipeline.errors import Misconfigured

LAUNCHER = Path(__file__).with_name("child.py")


class UnprivilegedAccount(NamedTuple):
    """The account that a program runs under; -1 keeps that of its parent."""

    uid: int
    gid: int

    @property
    def differs(self) -> bool:
        return self.uid >= 0

    def take_ownership(self, path: Path) -> None:
        if self.differs:
            os.chown(path, self.uid, self.gid)


SELF = UnprivilegedAccount(-1, -1)


def unprivileged() -> UnprivilegedAccount:
    """The account for the embedded servers; as root another one, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return SELF
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return UnprivilegedAccount(entry.pw_uid, entry.pw_gid)
    raise Misconfigured("as root the embedded servers need an account `postgres` or `nobody`; run as another user")


@dataclass(frozen=True)
class Program:
    """`death_signal` is what it gets when its parent dies; `grace_s` how long it may take to stop."""

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # all of it
    directory: Path | None = None
    account: UnprivilegedAccount = SELF
    stop_signal: Signals = signal.SIGTERM
    death_signal: Signals = signal.SIGTERM
    reads: Path = Path(os.devnull)  # its standard input
    grace_s: float = 10.0

    def spawn(self, *, keep: tuple[int, ...] = ()) -> ProgramRun:
        """Only from the main thread: the death signal comes when the spawning *thread* ends.

        `keep` are file descriptors that stay open in the program and in all that it forks.
        """
        with open(self.log, "ab", opener=_private) as log, open(self.reads, "rb") as standard_input:
            return ProgramRun(
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
                    stdin=standard_input,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=keep,
                    # Ctrl-C reaches only the supervisor, which then stops its programs in order.
                    start_new_session=True,
                ),
            )


@dataclass(frozen=True)
class Application:
    """A program of the project's own, as the supervisor wants it; `keep` as for `Program.spawn`."""

    program: Program
    keep: tuple[int, ...] = ()
    probe: Callable[[], bool] | None = None

    @property
    def name(self) -> str:
        return self.program.name

    def launch(self) -> ProgramRun:
        return self.program.spawn(keep=self.keep)

    def answers(self) -> bool:
        return self.probe is None or self.probe()


@dataclass(frozen=True)
class ProgramRun:
    program: Program
    child: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child.poll() is None

    @property
    def how_it_ended(self) -> str:
        status = self.child.wait()
        return f"ended with status {status}" if status >= 0 else f"was killed by {Signals(-status).name}"

    def kill(self) -> None:
        """Kills it with all it forked, since it leads a session; does not wait, because signal handlers call it."""
        if self.child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> int:
        """Stops it and returns its exit status, negative for the signal that killed it."""
        return stop([self])[0]


def stop(runs: Sequence[ProgramRun]) -> list[int]:
    """Asks all to stop, kills those that have not when their grace ends, and returns the exit statuses."""
    asked_at = time.monotonic()
    for run in runs:
        run.child.send_signal(run.program.stop_signal)  # to one that has ended it does nothing
        run.child.send_signal(signal.SIGCONT)  # one that is stopped (SIGSTOP) would not hear it
    return [_end(run, asked_at + run.program.grace_s - time.monotonic()) for run in runs]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _end(run: ProgramRun, within_s: float) -> int:
    try:
        return run.child.wait(max(0.0, within_s))
    except subprocess.TimeoutExpired:
        run.kill()
        return run.child.wait()
