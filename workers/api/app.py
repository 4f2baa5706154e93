"""`python -m workers.api`: HTTP API, webhooks, page and live feed on one port."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from http import HTTPStatus
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Scope

from pipeline import log
from pipeline.errors import Malformed, Service6Error
from pipeline.services.attribute_histories import HistoryKeeper
from pipeline.services.ingest import lead_saver
from pipeline.settings import loader
from pipeline.storage.platform.engine import transaction
from pipeline.wiring import Services
from schemas.lead import LeadChange
from tasks import app as tasks_app
from workers.api.dashboard_files import ALWAYS_ASK, POLICY, Dashboard
from workers.api.errors import error_response, http_exception_problem
from workers.api.middleware import (
    API,
    AnswerDeadline,
    BodyLimitMiddleware,
    Compressed,
    MetricsMiddleware,
    WebhookSplit,
    without_strange_sockets,
)
from workers.api.openapi import docs_routes
from workers.api.routes import (
    dead_letter_routes,
    health_routes,
    lead_list_routes,
    lead_routes,
    model_routes,
    run_routes,
    training_routes,
)
from workers.readiness import Readiness
from workers.relay.app import Relay
from workers.server import allow_connections, server_options
from workers.webhooks.endpoint import WebhookEndpoint
from workers.webhooks.enqueuer import Enqueuer
from workers.webhooks.intake import Intake
from workers.webhooks.receiver import receivers

SWITCH_S = 0.0005

ROUTERS = (
    lead_list_routes.router,
    lead_routes.router,
    dead_letter_routes.router,
    model_routes.router,
    training_routes.router,
    run_routes.router,
    health_routes.router,
)

CORS: dict[str, Any] = {
    "allow_methods": ("GET", "POST"),
    "allow_headers": ("Authorization", "Content-Type", "Idempotency-Key"),
    "expose_headers": ("RateLimit", "RateLimit-Policy", "Retry-After"),
}


def create_app(services: Services) -> WebhookSplit:
    services.scorer  # noqa: B018 - a scorecard that makes no sense must stop the start, not lead after lead
    enqueuer = make_enqueuer(services)
    readiness = Readiness(services)
    intake = make_intake(services, enqueuer, readiness.saving)
    relay = Relay(services.settings, services.metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        enqueuer.start()
        await intake.start()
        await relay.start()
        try:
            yield
        finally:
            await relay.drain()
            await intake.stop()
            enqueuer.stop()
            readiness.close()

    app = FastAPI(
        title="Service 6",
        version="1",
        openapi_url=None,  # the document is a file, and tells of the webhooks too
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.state.services = services
    app.state.readiness = readiness
    webhooks = WebhookEndpoint(
        receivers(services),
        intake,
        body_limit=services.settings.intake.body_limit,
        public_url=services.settings.api.public_url,
        metrics=services.metrics,
    )
    app.router.routes.extend(relay.routes())
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(docs_routes.routes({**POLICY, **ALWAYS_ASK}))
    app.router.routes.append(DashboardMount("/", Dashboard()))
    app.router.default = without_strange_sockets(app.router.default)
    app.add_middleware(Compressed)
    app.add_middleware(BodyLimitMiddleware, limit=lead_list_routes.BODY_LIMIT)
    app.add_middleware(AnswerDeadline, answer_s=services.settings.api.answer_s)
    app.add_middleware(MetricsMiddleware, metrics=services.metrics)
    if services.settings.api.origins:
        app.add_middleware(CORSMiddleware, allow_origins=services.settings.api.origins, **CORS)
    return WebhookSplit(app, Starlette(routes=webhooks.routes, exception_handlers=HANDLERS))


class DashboardMount(Mount):
    """All that is no address of the API: there a wrong method is told as such, and not as a page that is missing."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        elsewhere = scope["type"] != "http" or scope["path"].startswith(API)
        return (Match.NONE, {}) if elsewhere else super().matches(scope)


def make_enqueuer(services: Services) -> Enqueuer:
    limits = services.settings.intake
    return Enqueuer(linger_s=limits.linger_ms / 1000, message_leads=limits.message_leads, metrics=services.metrics)


def make_intake(
    services: Services, enqueuer: Enqueuer, saving: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Intake:
    """`saving` stands around each transaction."""
    limits = services.settings.intake
    saver, histories = lead_saver(services), HistoryKeeper(services)

    def save_group(changes: Sequence[LeadChange], received_at: datetime) -> list[int]:
        with saving(), transaction(services.intake) as db:
            changed = saver.save(db, changes, received_at)
            histories.keep(db)
            return changed

    return Intake(
        save_group,
        enqueuer.add,
        queue_requests=limits.queue_requests,
        queue_bytes=limits.queue_bytes,
        group_size=limits.group_size,
        pace_s=limits.pace_ms / 1000,
        answer_s=limits.answer_s,
        metrics=services.metrics,
    )


async def _invalid(request: Request, error: Any) -> Response:
    """FastAPI's validation errors would quote the input."""
    first = error.errors()[0]
    # Of what is no JSON at all, the place is a byte and no pointer.
    parts = () if first["type"] == "json_invalid" else first["loc"][1:]
    pointer = "".join(f"/{part}" for part in parts).encode(errors="replace").decode()
    return await error_response(request, Malformed(str(first["msg"]), pointer=pointer))


async def _client_gone(_: Request, __: Exception) -> Response:
    """Nobody hears it, and the log need not hear of it."""
    return Response(status_code=400)


async def _http_exception(request: Request, error: Any) -> Response:
    methods = _methods(request)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and methods:
        error.headers = {"Allow": ", ".join(methods)}
    return http_exception_problem(error)


def _methods(request: Request) -> list[str]:
    """Of all routes of this address; Starlette tells of the first alone."""
    path = getattr(request.scope.get("route"), "path", None)
    lead_list_routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return sorted({name for route in lead_list_routes if route.path == path for name in route.methods or ()})


HANDLERS: dict[Any, Any] = {
    Service6Error: error_response,
    RequestValidationError: _invalid,
    HTTPException: _http_exception,
    ClientDisconnect: _client_gone,
    Exception: error_response,
}


def main() -> None:
    log.configure("api")
    # Three threads take turns: by default one that computes keeps the others from their answers for 5 ms.
    sys.setswitchinterval(SWITCH_S)
    loaded = loader.load()
    allow_connections(loaded)
    tasks_app.connect(loaded)
    uvicorn.run(
        create_app(Services(loaded, answer_s=loaded.api.answer_s, send=tasks_app.send)),
        host=loaded.api.host,
        port=loaded.api.port,
        **server_options(loaded),
    )
