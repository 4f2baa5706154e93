"""A CRM's API as a test wants it: it answers, is slow, refuses, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.waiting import eventually
from workers.supervisor.embedded_server import HOST, free_port

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Answerer = Callable[[Asked], Response]


@dataclass
class VendorApi:
    """`answer` decides; while it is `held` each answer waits, but what was asked is known already."""

    url: str
    answer: Answerer
    asked: list[Asked] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        self.let_go.clear()

    async def serve(self, request: Request) -> Response:
        body = await request.body()
        asked = Asked(request.method, request.url.path, dict(request.query_params), dict(request.headers), body)
        self.asked.append(asked)
        await run_in_threadpool(self.let_go.wait, PATIENCE_S)
        return self.answer(asked)


def saved(asked: Asked) -> Response:
    """HubSpot, when all is well."""
    return JSONResponse({"status": "COMPLETE", "results": [{"id": one["id"]} for one in asked.json["inputs"]]})


def ok(_: Asked) -> Response:
    return Response(status_code=204)


@contextmanager
def vendor_api(answer: Answerer) -> Iterator[VendorApi]:
    port = free_port()
    made = VendorApi(f"http://{HOST}:{port}", answer)
    made.let_go.set()
    app = Starlette(routes=[Route("/{path:path}", made.serve, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield made
    finally:
        made.let_go.set()
        server.should_exit = True
        thread.join()
