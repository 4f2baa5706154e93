"""A gate on the way to a server: what a client sends waits in front of it until it is opened.

So a process can be held between two of its steps, wherever it asks the server in between.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Condition, Thread
from urllib.parse import urlsplit

CHUNK = 65_536


class Gate(ThreadingTCPServer):
    """`url` leads through it; it is open at first, and answers always pass."""

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        self.url = parts._replace(netloc=f"{user}{at}127.0.0.1:{self.server_address[1]}").geturl()
        self.beyond = (str(parts.hostname), int(parts.port or 0))
        self._changed = Condition()
        self._open = True
        self._lossy = False
        self._text = b""
        self._held: list[bytes] = []
        self.passages: set[socket.socket] = set()

    def shut(self, text: bytes = b"") -> None:
        """What holds that text waits from now on, and what its sender says after it."""
        with self._changed:
            self._open = False
            self._text = text

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def lose(self) -> None:
        """Opens it, but what waits is never heard of, nor what its senders say after it."""
        with self._changed:
            self._lossy = True
        self.open()

    def holds(self, text: bytes = b"") -> bool:
        """Whether something with that text waits in front of the gate."""
        with self._changed:
            return any(text in part for part in self._held)

    def passes(self, part: bytes) -> bool:
        """Waits until it is known."""
        with self._changed:
            if self._open or self._text not in part:
                return True
            self._held.append(part)
            self._changed.wait_for(lambda: self._open)
            self._held.remove(part)
            return not self._lossy


class Passage(BaseRequestHandler):
    """One connection through the gate, as long as both ends keep it."""

    server: Gate

    def handle(self) -> None:
        with socket.create_connection(self.server.beyond) as beyond:
            self.server.passages.add(beyond)
            answers = Thread(target=_pass, args=(beyond, self.request))
            answers.start()
            with suppress(OSError):
                while (part := self.request.recv(CHUNK)) and self.server.passes(part):
                    beyond.sendall(part)
            with suppress(OSError):
                beyond.shutdown(socket.SHUT_RDWR)
            answers.join()


def _pass(beyond: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while part := beyond.recv(CHUNK):
            client.sendall(part)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(url: str) -> Iterator[Gate]:
    with Gate(url) as made:
        Thread(target=made.serve_forever, args=(0.05,)).start()
        try:
            yield made
        finally:
            made.open()
            made.shutdown()
            for beyond in made.passages:
                with suppress(OSError):
                    beyond.shutdown(socket.SHUT_RDWR)
