"""The webhook routes of all sources: signature, shape, mapping, then intake."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.errors import NotFound, Service6Error
from pipeline.log import trace
from pipeline.metrics import Metrics
from pipeline.vendors.parse_result import INLINE_BYTES
from pipeline.vendors.signed_request import SignedRequest
from workers.api.errors import QueueFull, TooLarge, problem
from workers.webhooks.intake import Intake
from workers.webhooks.receiver import ParsedChanges, WebhookReceiver
from workers.webhooks.replies import REPLIES

logger = logging.getLogger(__name__)

# Larger bodies, which take up to 100 ms, are read in a thread; a small one would take half as long again there.
LARGE_WAITING = 64  # bodies that wait for that thread


class WebhookEndpoint:
    """`public_url`: the address under which the vendors reach us, or empty."""

    def __init__(
        self,
        receivers: Mapping[str, WebhookReceiver],
        intake: Intake,
        *,
        body_limit: int,
        public_url: str,
        metrics: Metrics,
    ) -> None:
        self._receivers = receivers
        self._intake = intake
        self._body_limit = body_limit
        self._public_url = public_url.rstrip("/")
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bodies")  # one: more would take turns at one core
        self._large = 0

    @property
    def routes(self) -> list[Route]:
        return [
            Route(path, self.receive, methods=["POST"]) for path in ("/webhooks/{source}", "/webhooks/{source}/{key}")
        ]

    async def receive(self, request: Request) -> Response:
        source = request.path_params["source"]
        receiver = self._receivers.get(source)
        if receiver is None or ("key" in request.path_params and not receiver.vendor.key_in_path):
            source = "unknown"  # clients must not choose a metric's label
            answer = problem(NotFound("there is no such source, or it has no secret yet"))
        else:
            answer = await self._accept(receiver, source, request)
        self._metrics.webhooks.labels(source, str(answer.status_code)).inc()
        return answer

    async def _accept(self, receiver: WebhookReceiver, source: str, request: Request) -> Response:
        try:
            body = await self._body(request)
            signed = self._signed(request, body)
            small = len(body) <= INLINE_BYTES
            changes, ignored = self._read(receiver, signed) if small else await self._read_apart(receiver, signed)
            if changes:
                await self._intake.submit(changes, len(body))
        except ClientDisconnect:
            raise
        except Exception as error:  # intake has logged unexpected ones
            return REPLIES[receiver.vendor.reply].refused(error)
        for reason, count in ignored.items():
            self._metrics.webhook_ignored.labels(source, reason).inc(count)
        return REPLIES[receiver.vendor.reply].accepted()

    async def _read_apart(self, receiver: WebhookReceiver, request: SignedRequest) -> ParsedChanges:
        if self._large >= LARGE_WAITING:
            raise QueueFull("more large webhooks wait than are held in memory; send it again")
        self._large += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, receiver, request)
        finally:
            self._large -= 1

    def _read(self, receiver: WebhookReceiver, request: SignedRequest) -> ParsedChanges:
        try:
            return receiver.read(request, datetime.now(UTC))
        except Service6Error:
            raise
        except Exception as error:
            logger.error("a webhook's body could not be read", extra={"trace": trace(error)})
            raise

    def _signed(self, request: Request, body: bytes) -> SignedRequest:
        path = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        uri = f"{self._public_url}{path}?{query}" if query else f"{self._public_url}{path}"
        return SignedRequest(request.method, uri, body, request.headers)

    async def _body(self, request: Request) -> bytes:
        """Stops reading at the limit, whatever the length header says."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._body_limit:
                raise TooLarge(f"a webhook must not exceed {self._body_limit} bytes")
            parts.append(part)
        return b"".join(parts)
