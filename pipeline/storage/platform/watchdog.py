"""Cuts off a connection on which PostgreSQL does not answer.

A server that hangs (its host is frozen, its disk is stuck, it was stopped) keeps its connections open and enforces no
`statement_timeout`; the kernel acknowledges what is sent, so no timeout of TCP fires either, and libpq waits for ever.
So each call says when it began, and a thread shuts down the socket of one that is overdue: libpq then fails as if the
server had gone.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

T = TypeVar("T")


class Unanswered(psycopg2.OperationalError):
    """PostgreSQL did not answer in time; the connection was cut off."""


class Watchdog:
    """Watches the calls of one engine in a thread that lives while calls are made, so an idle process may fork."""

    def __init__(self, answer_s: float) -> None:
        self.answer_s = answer_s
        self.calls: dict[WatchedConnection, float] = {}  # the calls that wait for an answer, and when each is overdue
        self._runs_in = 0  # the process that has the thread: a fork has none

    def wake(self) -> None:
        """Starts the thread if it does not run; called after a call was added to `calls`."""
        if self._runs_in != os.getpid():
            # Two threads may come here at once, and start one each; either ends when it finds nothing to do.
            self._runs_in = os.getpid()
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def connect(self, dsn: str, *options: Any, **keywords: Any) -> "WatchedConnection":
        """Opens a watched connection; a `connection_factory` of psycopg2."""
        return WatchedConnection(self, dsn, *options, **keywords)

    def _watch(self) -> None:
        while True:
            # A call that begins from now on has this long at least.
            now = time.monotonic()
            time.sleep(max(0.0, min([*self.calls.copy().values(), now + self.answer_s]) - now))
            for connection, overdue in self.calls.copy().items():
                if time.monotonic() >= overdue:
                    self.calls.pop(connection, None)
                    connection.cut_off()
            if not self.calls:
                self._runs_in = 0
                # One that was noted meanwhile may have seen the thread as running still.
                if not self.calls:
                    return
                self._runs_in = os.getpid()


class WatchedConnection(Connection):
    """A connection under the watchdog. `answer_s`: how long one call may take; may be set for one transaction."""

    def __init__(self, watchdog: Watchdog, dsn: str, *options: Any, **keywords: Any) -> None:
        super().__init__(dsn, *options, **keywords)
        self.cursor_factory = WatchedCursor
        self.answer_s = watchdog.answer_s
        self._watchdog = watchdog
        self._process = os.getpid()
        self._socket = os.fstat(self.fileno()).st_ino
        self._is_cut_off = False

    def commit(self) -> None:
        self.answer_s = self._watchdog.answer_s
        self.ask(super().commit)

    def rollback(self) -> None:
        self.answer_s = self._watchdog.answer_s
        self.ask(super().rollback)

    def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        watchdog = self._watchdog
        watchdog.calls[self] = time.monotonic() + self.answer_s
        watchdog.wake()
        try:
            return call(*arguments)
        except psycopg2.Error as error:
            if self._is_cut_off:
                raise Unanswered("no answer in time") from error
            raise
        finally:
            watchdog.calls.pop(self, None)

    def cut_off(self) -> None:
        """Shuts the socket down, from another thread; its inode proves that the descriptor is still the socket's."""
        if self._process != os.getpid():  # it is the parent's, too
            return
        with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(self.fileno())) as same:
            if os.fstat(same.fileno()).st_ino == self._socket:
                self._is_cut_off = True
                same.shutdown(socket.SHUT_RDWR)

    @property
    def is_dead(self) -> bool:
        """Whether the session ended while idle, when PostgreSQL sends nothing else; needs no round trip."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class WatchedCursor(Cursor):
    """A cursor whose waiting calls are watched; the rows of an unnamed cursor come with the answer."""

    connection: WatchedConnection

    def execute(self, *arguments: Any) -> None:
        self.connection.ask(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> None:
        self.connection.ask(super().executemany, *arguments)

    def copy_expert(self, *arguments: Any) -> None:
        self.connection.ask(super().copy_expert, *arguments)

    def fetchmany(self, *arguments: Any) -> list[tuple[Any, ...]]:
        return self.connection.ask(super().fetchmany, *arguments)
