"""A call ends by its deadline, with an answer of bounded size, where it was sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import RedirectResponse, Response, StreamingResponse

from pipeline.outbound.http_client import HttpClient, Request, Unavailable
from tests.support.vendor_api import VendorApi, ok, vendor_api


@pytest.fixture
def server() -> Iterator[VendorApi]:
    with vendor_api(ok) as running:
        yield running


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(deadline_s=0.5, answer_limit=1000) as made:
        yield made


async def dripping() -> AsyncIterator[bytes]:
    while True:
        yield b"."
        await asyncio.sleep(0.05)


def test_a_server_that_sends_a_byte_now_and_then_holds_nobody(server: VendorApi, http: HttpClient) -> None:
    server.answer = lambda _: StreamingResponse(dripping())
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
        http.ask(Request(server.url))
    assert time.monotonic() - began < 2


def test_an_answer_without_end_is_not_read_to_its_end(server: VendorApi, http: HttpClient) -> None:
    server.answer = lambda _: Response(b"x" * 1001)
    with pytest.raises(Unavailable, match="exceeds 1000 bytes"):
        http.ask(Request(server.url))
    server.answer = lambda _: Response(b"x" * 1000)
    assert len(http.ask(Request(server.url)).body) == 1000


def test_nobody_is_followed_elsewhere(server: VendorApi, http: HttpClient) -> None:
    server.answer = lambda _: RedirectResponse(f"{server.url}/elsewhere")
    assert http.ask(Request(server.url, b"{}", {"Authorization": "Bearer t"})).status == 307
    assert len(server.asked) == 1


def test_nobody_there(http: HttpClient, server: VendorApi) -> None:
    answers = http.ask_all([Request("http://127.0.0.1:1"), Request(server.url)])
    assert [type(answer).__name__ for answer in answers] == ["Unavailable", "Response"]
    assert "127.0.0.1" not in str(answers[0])
