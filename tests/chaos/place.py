"""`service6 up` on a state directory of its own, as a user meets it."""

import os
import sys
from contextlib import AbstractContextManager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.support.processes import Terminal, gone, terminal

OWN_SETTINGS = ("SERVICE6_", "DATABASE_URL", "REDIS_URL", "ANTHROPIC_")


class Place(NamedTuple):
    state_dir: Path
    port: int
    flower_port: int

    def up(self, **settings: str) -> AbstractContextManager[Terminal]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        environment = {**others, **settings}
        arguments = ("--state-dir", str(self.state_dir), "--port", str(self.port))
        return terminal(
            [sys.executable, "-m", "cli", "up", *arguments, "--flower-port", str(self.flower_port)], environment
        )


def answer(port: int, path: str, token: str | None = None) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def token(shown: Terminal) -> str:
    return shown.shows("#token=").partition("#token=")[2]


def process(shown: Terminal, *words: str) -> int:
    """The supervisor's child whose command line holds all of them."""
    for child in psutil.Process(shown.process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if not gone(child.pid) and all(word in " ".join(child.cmdline()) for word in words):
                return child.pid
    raise AssertionError(f"no process {' '.join(words)}")


def ready(shown: Terminal, place: Place) -> bool:
    try:
        return answer(place.port, "/health/ready", token(shown)) == 200
    except OSError:
        return False
