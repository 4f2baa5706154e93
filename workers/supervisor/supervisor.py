"""Keeps programs running: starts them, restarts them with backoff, stops them in order."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from pipeline.errors import Service6Error, TryAgain
from workers.supervisor import logs
from workers.supervisor.program import Program, ProgramRun, stop

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HOPELESS = 3  # deaths before it was ever ready
HEALTHY_S = 60.0  # a run of this length resets the count of deaths
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """The user asked to stop; raised only where the supervisor waits, so that no program is half started."""


class Startable(Protocol):
    """What is supervised: an embedded server, or a process of the application."""

    @property
    def name(self) -> str: ...

    def launch(self) -> ProgramRun: ...

    def answers(self) -> bool:
        """Whether a running one does its work yet."""
        ...


def restart_delay_s(deaths: int) -> float:
    """How long to wait after that many deaths in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(deaths - 1, 10))


@dataclass
class Watched:
    subject: Startable
    run: ProgramRun
    started: float
    deaths: int = 0
    restart_at: float | None = None  # None while it runs


class Supervisor:
    """For the main thread only: programs die with the thread that started them, and signals arrive there.

    `order` names what stops when: group after group, the members of a group together. `say` gets a line for each
    death and each new start.
    """

    def __init__(self, order: Sequence[Sequence[str]], say: Callable[[str], None]) -> None:
        self._order = order
        self._say = say
        self._watched: dict[str, Watched] = {}
        self._asked = 0
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Handles signals: one to stop stops, a second one kills, and a child's death ends a wait."""
        former = {number: signal.signal(number, self._on_stop) for number in STOP_SIGNALS}
        former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _on_death)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in former.items():
                signal.signal(number, handler)

    def start(self, *subjects: Startable) -> None:
        for subject in subjects:
            self._pause(0)
            self._watched[subject.name] = Watched(subject, subject.launch(), time.monotonic())

    def wait_until_ready(self, *subjects: Startable, within_s: float) -> None:
        """Waits until all are ready, restarting those that die; raises TryAgain for what is not ready in time."""
        deadline = time.monotonic() + within_s
        waiting = list(subjects)
        while waiting := [subject for subject in waiting if not self._ready(subject)]:
            late = [self._watched[subject.name] for subject in waiting]
            for watched in late:
                if time.monotonic() > deadline or watched.deaths >= HOPELESS:
                    log = watched.run.program.log
                    reason = logs.last_error(log)
                    raise TryAgain(f"{watched.subject.name} does not start{reason}; the end of {log} says why")
            self._restart_the_dead()
            self._pause(0.05)

    def complete(self, program: Program, *, within_s: float) -> None:
        """Runs a program that ends by itself; raises TryAgain if it fails or takes longer."""
        run = program.spawn()
        deadline = time.monotonic() + within_s
        try:
            while run.alive and time.monotonic() < deadline:
                self._pause(0.1)
        finally:
            status = run.stop()
        if status:
            reason = logs.last_error(program.log)
            raise TryAgain(f"{program.name} failed{reason}; the end of {program.log} says why")

    def watch(self, chore: Callable[[], None], every_s: float) -> None:
        """Restarts programs that die and does the chore regularly, until Stopped is raised."""
        chore_at = time.monotonic()
        while True:
            self._restart_the_dead()
            if time.monotonic() >= chore_at:
                chore()
                chore_at = time.monotonic() + every_s
            due = [watched.restart_at for watched in self._watched.values() if watched.restart_at is not None]
            self._pause(max(0.0, min([chore_at, *due]) - time.monotonic()))

    def stop(self) -> None:
        for group in self._order:
            stop([self._watched[name].run for name in group if name in self._watched])

    def _ready(self, subject: Startable) -> bool:
        return self._watched[subject.name].run.alive and subject.answers()

    def _restart_the_dead(self) -> None:
        for watched in self._watched.values():
            now = time.monotonic()
            if watched.restart_at is None and not watched.run.alive:
                watched.deaths = 1 if now - watched.started > HEALTHY_S else watched.deaths + 1
                delay = restart_delay_s(watched.deaths)
                watched.restart_at = now + delay
                self._say(f"{watched.subject.name} {watched.run.how_it_ended}; starting it again in {delay:g} s")
            elif watched.restart_at is not None and watched.restart_at <= now:
                self._restart(watched)

    def _restart(self, watched: Watched) -> None:
        watched.started = time.monotonic()
        try:
            watched.run = watched.subject.launch()
        except (Service6Error, OSError) as error:  # a full disk, say: one that cannot start must not end the others
            watched.deaths += 1
            watched.restart_at = time.monotonic() + restart_delay_s(watched.deaths)
            self._say(f"{watched.subject.name} could not start: {error}")
        else:
            watched.restart_at = None
            self._say(f"{watched.subject.name} runs again")

    def _pause(self, seconds: float) -> None:
        """Waits, or returns early when a signal comes; raises Stopped if the user asked to stop."""
        if self._asked:
            raise Stopped
        select.select([self._wakeup_read], [], [], seconds)
        try:
            os.read(self._wakeup_read, 4096)
        except BlockingIOError:
            return
        if self._asked:
            raise Stopped

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 1:
            for watched in self._watched.values():
                watched.run.kill()


def _on_death(_number: int, _frame: FrameType | None) -> None:
    """Does nothing; without a handler, a child's death would not end a wait."""
