"""The answers that a vendor understands: 202 and problem details, or SOAP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from workers.api.errors import problem
from workers.webhooks import soap

ACCEPTED = b'{"status":"accepted"}'


def accepted() -> Response:
    return Response(ACCEPTED, 202, media_type="application/json")


@dataclass(frozen=True)
class Replies:
    accepted: Callable[[], Response]
    refused: Callable[[Exception], Response]


REPLIES: Mapping[Literal["json", "soap"], Replies] = {
    "json": Replies(accepted, problem),
    "soap": Replies(soap.accepted, soap.refused),
}
