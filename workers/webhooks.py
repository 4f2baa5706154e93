"""The doors of the CRMs: signature, shape, mapping, then intake."""

from collections.abc import Mapping

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.attributes import flatten
from pipeline.errors import Malformed
from pipeline.mapping import SourceMap
from pipeline.metrics import Metrics
from pipeline.security.signatures import StandardVerifier
from pipeline.settings import IntakeSettings
from schemas.crm.standard import Delivery
from schemas.lead import LeadChange
from workers.intake import Intake
from workers.problems import NotFound, TooLarge, problem

ACCEPTED = b'{"status":"accepted"}'
DELIVERY_ID_LIMIT = 200  # characters; an index refuses what is longer than some 2,700 bytes


class Door:
    """One source: who may knock, and how what it brings is read."""

    def __init__(self, verifier: StandardVerifier, source: SourceMap, limits: IntakeSettings) -> None:
        self._verifier = verifier
        self._source = source
        self._limits = limits

    def read(self, body: bytes, headers: Mapping[str, str]) -> LeadChange:
        """Raises Refused for a signature, Malformed for a shape that is not the vendor's."""
        delivery_id = self._verifier.verify(body, headers)
        if len(delivery_id) > DELIVERY_ID_LIMIT:
            raise Malformed(f"a delivery's id must not exceed {DELIVERY_ID_LIMIT} characters", pointer="")
        delivery = _delivery(body)
        attributes = flatten(
            delivery.data.attributes,
            at="/data",
            most=self._limits.attribute_limit,
            text_limit=self._limits.text_limit,
        )
        return self._source.change(delivery.data.id, delivery_id, delivery.timestamp, attributes)


class Webhooks:
    def __init__(self, doors: Mapping[str, Door], intake: Intake, body_limit: int, metrics: Metrics) -> None:
        self._doors = doors
        self._intake = intake
        self._body_limit = body_limit
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        return [Route("/webhooks/{source}", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        source = request.path_params["source"]
        door = self._doors.get(source)
        try:
            if door is None:
                source = "unknown"  # a metric's label must not be anyone's to choose
                raise NotFound("there is no such source, or it has no secret yet")
            body = await self._body(request)
            await self._intake.submit([door.read(body, request.headers)], len(body))
        except ClientDisconnect:
            raise
        except Exception as error:  # what is not ours, intake has logged
            answer = problem(error)
        else:
            answer = Response(ACCEPTED, 202, media_type="application/json")
        self._metrics.webhooks.labels(source, str(answer.status_code)).inc()
        return answer

    async def _body(self, request: Request) -> bytes:
        """Stops reading at the limit, whatever the length header says."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._body_limit:
                raise TooLarge(f"a webhook must not exceed {self._body_limit} bytes")
            parts.append(part)
        return b"".join(parts)


def _delivery(body: bytes) -> Delivery:
    try:
        return Delivery.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at byte {error.pos}", pointer="") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise Malformed(first["msg"], pointer=pointer) from None
