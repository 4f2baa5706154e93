"""Forwards the change feed to WebSockets: `python -m workers.relay`, or as part of the API's application."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from pipeline import log
from pipeline.errors import Refused, Service6Error
from pipeline.metrics import Metrics
from pipeline.redis_store import redis_client
from pipeline.redis_store.change_stream import ChangeStreamReader
from pipeline.security import tokens
from pipeline.settings.loader import Settings, load
from schemas.feed import PATH, CloseCode
from workers.api.errors import NO_METRICS, Forbidden, error_response
from workers.api.middleware import without_strange_sockets
from workers.bearer import MISSING, bearer_token
from workers.metrics_text import exposition
from workers.relay.admission import Admission, origin_allowed
from workers.relay.frames import sink_of
from workers.relay.hub import Hub
from workers.relay.message_rate import UserPaces
from workers.relay.socket_session import Ended, Parts, Session, spread_s
from workers.relay.stream_consumer import ANSWER_S, StreamConsumer
from workers.server import allow_connections, server_options

logger = logging.getLogger(__name__)

TICK_S = 1.0
FIRST_READING_S = 2.0
CANCEL_AGAIN_S = 0.5
DRAIN_PACE_S = 0.01  # at least this long between two goodbyes, unless drain_s is too short for it


class Relay:
    """The relay of a process: `start` it in the application's lifespan, `drain` it at the end.

    A server that runs it needs `server_options`: they bound messages and let a stopping server drain.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings.relay
        self._origins = settings.api.origins
        self._redis = redis_client.connect_async(settings.redis_url, answer_timeout_s=ANSWER_S)
        hub = Hub(settings.relay, metrics)
        consumer = StreamConsumer(ChangeStreamReader(self._redis, settings.stream.key), hub, settings.relay)
        secret_key = settings.secret_key.get_secret_value()
        self._parts = Parts(settings.relay, secret_key, metrics, hub, consumer, UserPaces(settings.relay))
        self._admission = Admission(settings.relay)
        self._sessions: set[Session] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._draining: asyncio.Task[None] | None = None

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute(PATH, self._serve)]

    async def start(self) -> None:
        """Returns when sockets can subscribe, or soon if Redis is away; then sockets are asked to reconnect."""
        self._tasks = [asyncio.create_task(self._parts.consumer.run()), asyncio.create_task(self._tick())]
        await self._parts.consumer.begun(FIRST_READING_S)

    async def drain(self) -> None:
        """Closes all sockets, spread over time so that they reconnect one by one, and stops."""
        self._begin_drain()
        if self._draining:
            await self._draining
        for task in self._tasks:
            await end(task)
        await self._redis.aclose()

    async def _serve(self, websocket: WebSocket) -> None:
        headers = websocket.headers
        if not origin_allowed(headers.get("origin"), headers.get("host"), self._origins):
            await websocket.close(CloseCode.FORBIDDEN)
            return
        stranger = not self._is_known(websocket)
        if self._draining or not self._admission.make_room(stranger=stranger):
            await _turn_away(websocket)
            return
        address = websocket.client.host if websocket.client else ""
        with self._admission.occupy(address, stranger=stranger) as slot:
            await websocket.accept()
            sink = sink_of(websocket)
            session = Session(websocket, sink, slot, self._parts)
            sink.watch(
                writable=session.writable,
                shutdown=self._begin_drain,
                buffer_limit=self._settings.buffer_limit,
            )
            self._sessions.add(session)
            try:
                await session.run()
            finally:
                self._sessions.discard(session)

    def _is_known(self, websocket: WebSocket) -> bool:
        """Whether a valid token came with the request; an invalid one is handled like a stranger's."""
        token = bearer_token(websocket.headers)
        if token is None:
            return False
        try:
            tokens.verify(self._parts.secret_key, token)
        except Refused:
            return False
        return True

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._dismiss_all())

    async def _dismiss_all(self) -> None:
        leaving = list(self._sessions)
        pause_s = min(DRAIN_PACE_S, self._settings.drain_s / max(1, len(leaving)))
        for session in leaving:
            session.end(Ended(CloseCode.RESTART, "restart", "the relay is restarting", retry_after_s=spread_s()))
            await asyncio.sleep(pause_s)

    async def _tick(self) -> None:
        clock = asyncio.get_running_loop().time
        pause_s = min(TICK_S, self._settings.heartbeat_s / 4, self._settings.slow_after_s / 4)
        while True:
            await asyncio.sleep(pause_s)
            try:
                self._parts.hub.tick(clock(), self._parts.consumer.away_s)
            except Exception:
                logger.exception("a tick failed")  # heartbeats must go on


def create_relay(settings: Settings, metrics: Metrics | None = None) -> Starlette:
    """The relay as an application of its own, with liveness and metrics."""
    relay = Relay(settings, metrics or Metrics())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await relay.start()
        yield
        await relay.drain()

    def figures(request: Request) -> Response:
        token = bearer_token(request.headers)
        if token is None:
            raise Refused(MISSING)
        if not tokens.verify(settings.secret_key.get_secret_value(), token, machines=True).role.sees_metrics:
            raise Forbidden(NO_METRICS)
        return Response(exposition(settings.metrics_dir), media_type=CONTENT_TYPE_LATEST)

    routes = [*relay.routes(), Route("/health/live", _live), Route("/metrics", figures)]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={Service6Error: error_response})
    app.router.default = without_strange_sockets(app.router.default)
    return app


def main() -> None:
    settings = load()
    log.configure("relay")
    allow_connections(settings)
    uvicorn.run(
        create_relay(settings),
        host=settings.api.host,
        port=settings.api.port,
        **server_options(settings),
    )


async def end(task: "asyncio.Task[None]") -> None:
    """Cancels a task until it is done: `asyncio.wait_for` before Python 3.12 can swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)


async def _live(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _turn_away(websocket: WebSocket) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        refusal = PlainTextResponse("too many sockets", 503, {"Retry-After": f"{math.ceil(spread_s())}"})
        await websocket.send_denial_response(refusal)
    else:
        await websocket.close(CloseCode.RESTART)
