"""What intake is compared with: the same receiver and SQL, publishing off the request path, one commit a request."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline import log
from pipeline.services.ingest import lead_saver
from pipeline.settings import loader
from pipeline.vendors.signed_request import SignedRequest
from pipeline.wiring import Services
from schemas.lead import LeadChange
from tasks.app import connect
from workers.api.app import make_enqueuer
from workers.webhooks.receiver import receivers


def main() -> None:
    log.configure("one-commit")
    services = Services(loader.load())
    connect(services.settings)
    receiver = receivers(services)["standard"]
    saver = lead_saver(services)
    enqueuer = make_enqueuer(services)

    def save(changes: Sequence[LeadChange]) -> None:
        with services.session() as db:
            lead_ids = saver.save(db, changes, datetime.now(UTC))
        enqueuer.add(lead_ids)

    async def receive(request: Request) -> Response:
        signed = SignedRequest(request.method, request.url.path, await request.body(), request.headers)
        changes, _ = receiver.read(signed, datetime.now(UTC))
        await run_in_threadpool(save, changes)
        return Response(b"{}", 202)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        enqueuer.start()
        yield
        enqueuer.stop()

    app = Starlette(routes=[Route("/webhooks/standard", receive, methods=["POST"])], lifespan=lifespan)
    api = services.settings.api
    uvicorn.run(app, host=api.host, port=api.port, loop="uvloop", http="httptools", access_log=False, log_config=None)


if __name__ == "__main__":
    main()
