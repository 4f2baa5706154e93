"""Clients without a token or a signature who send too much, or never end: memory is bounded, and webhooks go on."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipeline.settings.loader import Settings
from tests.support.serving import Api, api, log_of
from tests.support.waiting import eventually

MIB = 1 << 20
CLIENTS = 300
PER_ADDRESS = 4 * MIB
GROWTH = 64 * MIB  # what so many connections and all bounds together take, and as much again
REQUEST_S = 20
ANSWER_S = 10.0  # a webhook takes some 10 ms; while the loop was held it took 30 s
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",  # as `service6 up` and the image have it
    "SERVICE6_API__REQUEST_S": str(REQUEST_S),
    "SERVICE6_API__REQUEST_BYTES_PER_ADDRESS": str(PER_ADDRESS),
    "SERVICE6_API__CONNECTIONS_PER_ADDRESS": str(CLIENTS + 50),
}


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api(place, **ENVIRONMENT) as running:
        assert running.tell("first").status_code == 202
        yield running


def connected(served: Api) -> socket.socket:
    address = urlsplit(served.url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=30)


def memory(served: Api) -> int:
    return int(psutil.Process(served.run.pid).memory_info().rss)


def taken(served: Api, lead: str) -> None:
    began = time.monotonic()
    assert served.tell(lead).status_code == 202
    assert time.monotonic() - began < ANSWER_S


def answer(client: socket.socket) -> bytes:
    """All until the server closes; a connection that was reset has told what it had to."""
    told = b""
    try:
        while part := client.recv(65536):
            told += part
    except ConnectionError:
        pass
    return told


def pushed(client: socket.socket, data: bytes) -> None:
    """As much as the server takes."""
    with suppress(ConnectionError):
        client.sendall(data)


@contextmanager
def meanwhile(served: Api, attack: "list[bytes]", clients: int = 1) -> Iterator[list[bytes]]:
    """While the block runs, so many clients send these pieces; in the end it holds what each was told."""
    told: list[bytes] = []

    def one() -> None:
        with closing(connected(served)) as client:
            for piece in attack:
                pushed(client, piece)
            told.append(answer(client))

    threads = [Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    yield told
    for thread in threads:
        thread.join(60)
    assert len(told) == clients


HEAD = b"POST /webhooks/standard HTTP/1.1\r\nHost: x\r\n"
HALF = HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000


def test_half_bodies_take_bounded_memory_and_give_it_back_to_others(served: Api) -> None:
    before = memory(served)
    with ExitStack() as open_ones:
        for _ in range(CLIENTS):
            client = open_ones.enter_context(closing(connected(served)))
            pushed(client, HALF)
        taken(served, "beside-half-bodies")
        assert memory(served) - before < GROWTH
    # What was counted of them is given up with them.
    eventually(lambda: b" 401 " in sent(served, HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000))
    assert memory(served) - before < GROWTH


def test_an_address_that_sends_too_much_at_once_is_told_to_come_again(served: Api) -> None:
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(closing(connected(served))) for _ in range(2 * PER_ADDRESS // 500_000)]
        for client in clients:
            pushed(client, HALF)
        told = next(filter(None, map(briefly, clients)))
        assert told.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1\r\n" in told
        assert b"application/problem+json" in told


def briefly(client: socket.socket) -> bytes:
    client.settimeout(0.5)
    try:
        return client.recv(65536)
    except (TimeoutError, ConnectionError):
        return b""


def sent(served: Api, request: bytes) -> bytes:
    with closing(connected(served)) as client:
        pushed(client, request)
        return client.recv(65536)


PIECE = b"a" * MIB
LONG = {
    "header": ([b"GET / HTTP/1.1\r\nX: ", *[PIECE] * 16, b"\r\n\r\n"], b"431"),
    "header's name": ([b"GET / HTTP/1.1\r\n", *[PIECE] * 16, b": x\r\n\r\n"], b"431"),
    "headers": ([b"GET / HTTP/1.1\r\n", *[b"a: b\r\n" * 100_000] * 8, b"\r\n"], b"431"),
    "address": ([b"GET /", *[PIECE] * 16, b" HTTP/1.1\r\n\r\n"], b"414"),
    "query": ([b"GET /?", *[PIECE] * 16, b" HTTP/1.1\r\n\r\n"], b"414"),
    "method": ([*[PIECE] * 16, b" / HTTP/1.1\r\n\r\n"], b"400"),
    "nothing": ([b"\r\n" * MIB, *[b"\r\n" * MIB] * 8], b"431"),
    "trailer": (
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", *[PIECE] * 16, b"\r\n\r\n"],
        b"431",
    ),
    "chunk's extension": (
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", *[PIECE] * 16, b"\r\nx\r\n0\r\n\r\n"],
        b"431",
    ),
}


@pytest.mark.parametrize(("attack", "status"), LONG.values(), ids=LONG.keys())
def test_what_grows_without_end_is_refused_and_holds_nobody_up(served: Api, attack: list[bytes], status: bytes) -> None:
    before = memory(served)
    with meanwhile(served, attack, clients=3) as told:
        for n in range(3):
            taken(served, f"beside-{n}")
    assert [one[9:12] for one in told if one] == [status] * len([one for one in told if one])
    assert any(told) or status == b"400"
    assert memory(served) - before < GROWTH


def test_slow_heads_hold_nobody_up_and_are_counted(served: Api) -> None:
    before = memory(served)
    with ExitStack() as open_ones:
        for n in range(CLIENTS):
            client = open_ones.enter_context(closing(connected(served)))
            pushed(client, b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000)
            pushed(client, b"a" * (n % 100))
        taken(served, "beside-slow-heads")
        assert memory(served) - before < GROWTH


def test_pipelined_requests_are_bounded(served: Api) -> None:
    before = memory(served)
    body = b"POST /api/v1/ai/score-lead HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    with meanwhile(served, [body * 5_000], clients=20):
        taken(served, "beside-pipelines")
    assert memory(served) - before < GROWTH


def test_a_few_pipelined_requests_are_all_answered(served: Api) -> None:
    ask = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with closing(connected(served)) as client:
        client.sendall(ask * 8)
        told = b""
        while told.count(b'{"status":"ok"}') < 8:
            told += client.recv(65536)


def test_more_connections_than_an_address_may_have(served: Api) -> None:
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(closing(connected(served))) for _ in range(CLIENTS + 100)]
        assert eventually(lambda: briefly(clients[-1]).startswith(b"HTTP/1.1 429 "))
    eventually(lambda: served.http.get("/health/live").is_success)


STRANGE = ["/", "/api/v1/leads", "/webhooks/standard", "/nothing", "/api/v1/dashboard/real-time/x", "/docs"]


@pytest.mark.parametrize("path", STRANGE)
def test_a_websocket_of_another_address_is_told_404_in_no_line_of_the_log(served: Api, path: str) -> None:
    log = log_of(served.settings, "api")
    lines = len(log.read_text(encoding="utf-8").splitlines())
    for _ in range(20):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(served.url.replace("http", "ws") + path, proxy=None, additional_headers=served.bearer()),
        ):
            pass
        assert refused.value.response.status_code == 404
    assert len(log.read_text(encoding="utf-8").splitlines()) == lines
    assert "Traceback" not in log.read_text(encoding="utf-8")
    taken(served, "beside-sockets")
