"""A reader that has no room, and more changes than it can take."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.feed.conftest import Publish, Reader, RelayServer

KEYS = 10
ROUNDS = 60
LONG = 20_000


@contextmanager
def sleeper(relay: RelayServer) -> Iterator[Reader]:
    """A reader that has almost no buffer of its own and reads only when it is asked to."""
    host, _, port = relay.address.partition(":")
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bare.connect((host, int(port)))
    with relay.reader(sub="sleeper", sock=bare, max_queue=1) as reader:
        yield reader


def flood(publish: Publish, rounds: range = range(1, ROUNDS + 1), keys: int = KEYS) -> None:
    for rev in rounds:
        publish(*({"lead": lead, "rev": rev, "padding": LONG} for lead in range(keys)))
