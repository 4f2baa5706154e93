"""Middleware of the API's routes; webhooks bypass it for speed."""

import asyncio
import re
import time

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.errors import NotFound, TryAgain
from pipeline.metrics import Metrics
from pipeline.redis_store.rate_limit import Budget
from workers.api.errors import TooLarge, problem

API = "/api/"
WEBHOOKS = "/webhooks/"
COMPRESS_FROM = 4096  # bytes; a score-lead answer is smaller, and would not arrive sooner
COMPRESS_LEVEL = 5  # half the time of 9, for a hundredth more bytes
COMPRESS_APART_FROM = 65_536  # bytes; from there on a thread does it
NO_GZIP = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


class WebhookSplit:
    """Sends webhooks straight to their receivers: a framework's middleware costs as much as reading one."""

    def __init__(self, app: Starlette, webhooks: Starlette) -> None:
        self._app = app
        self._webhooks = webhooks

    @property
    def routes(self) -> list[BaseRoute]:
        return [*self._webhooks.routes, *self._app.routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        through = scope["type"] == "http" and scope["path"].startswith(WEBHOOKS)
        await (self._webhooks if through else self._app)(scope, receive, send)


class MetricsMiddleware:
    """Counts and times the API's requests by route; webhooks count themselves."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                budget = scope.get("state", {}).get("budget")
                if budget is not None:
                    add_budget_headers(budget, MutableHeaders(scope=message))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.http_requests.labels(route, str(status)).inc()
            self._metrics.http_latency.labels(route).observe(time.perf_counter() - began)


class BodyLimitMiddleware:
    """Refuses a body of the API by its length header, in our words; one without it ends at the route's own limit.

    Webhooks bound and count theirs themselves.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(API):
            length = Headers(scope=scope).get("content-length", "0")
            if length.isdecimal() and int(length) > self._limit:
                await problem(TooLarge(f"a body must not exceed {self._limit} bytes"))(scope, receive, send)
                return
        await self._app(scope, receive, send)


class AnswerDeadline:
    """Answers 503 if a request is not answered in time, for example because all threads wait for PostgreSQL."""

    def __init__(self, app: ASGIApp, answer_s: float) -> None:
        self._app = app
        self._answer_s = answer_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            async with asyncio.timeout(self._answer_s):
                await self._app(scope, receive, noting)
        except TimeoutError:
            if answered:
                raise
            error = TryAgain(f"there was no answer within {self._answer_s:g} s; ask again in a moment")
            await problem(error)(scope, receive, send)


class Compressed:
    """Compresses answers where it pays, for clients that take gzip.

    A page of another origin cannot guess secrets by the length of an answer (BREACH): browsers send no access token by
    themselves, so it gets no answer of ours, and no answer holds a secret beside what a request said.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, COMPRESS_FROM, COMPRESS_LEVEL, COMPRESS_APART_FROM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = scope["type"] == "http" and NO_GZIP.search(Headers(scope=scope).get("accept-encoding", ""))
        if refused:
            # Starlette treats any mention of gzip as consent.
            headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": headers}
        await self._compressing(scope, receive, send)


def without_strange_sockets(default: ASGIApp) -> ASGIApp:
    """Wraps a router's `default`: a WebSocket of another address than the feed's gets 404 before it opens."""

    async def unmatched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await default(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await problem(NotFound("there is no WebSocket at this address"))(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    return unmatched


def add_budget_headers(budget: Budget, headers: MutableHeaders) -> None:
    """Source: draft-ietf-httpapi-ratelimit-headers-10."""
    headers["RateLimit-Policy"] = f'"user";q={budget.limit};w={budget.window_s}'
    headers["RateLimit"] = f'"user";r={budget.left};t={budget.reset_s}'
