"""Errors -> RFC 9457 problem details: the one place where an error becomes an HTTP status."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import Conflict, GiveUp, Malformed, Refused, Service6Error, TryAgain
from schemas.api import Problem


class TooLarge(GiveUp):
    """The body exceeds the limit."""


class UrlTooLong(GiveUp):
    """The address, with its query, exceeds the limit."""


class HeadTooLarge(GiveUp):
    """The headers are too many, or too long."""


class NotFound(GiveUp):
    """There is no such thing, or not for this reader."""


class Forbidden(Refused):
    """We know who asks, and the role does not allow it."""


class QueueFull(TryAgain):
    """More waits than we are willing to hold in memory."""


class OverBudget(TryAgain):
    """This user asks more often than one may."""


NO_METRICS = "metrics are for admins, executives and monitors; `service6 token --role monitor` makes a token for one"

# The most particular first.
STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (TooLarge, 413, "Content Too Large"),
    (UrlTooLong, 414, "URI Too Long"),
    (HeadTooLarge, 431, "Request Header Fields Too Large"),
    (NotFound, 404, "Not Found"),
    (Malformed, 400, "Bad Request"),
    (Conflict, 409, "Conflict"),
    (GiveUp, 422, "Unprocessable Content"),
    (Forbidden, 403, "Forbidden"),
    (Refused, 401, "Unauthorized"),
    (QueueFull, 429, "Too Many Requests"),
    (OverBudget, 429, "Too Many Requests"),
    (TryAgain, 503, "Service Unavailable"),
)


def problem(error: Exception) -> Response:
    """What the client is told: the text of our own errors, nothing of a foreign one."""
    status, title = next(((s, t) for kind, s, t in STATUS if isinstance(error, kind)), (500, "Internal Server Error"))
    ours = isinstance(error, Service6Error) and status != 500
    body = Problem(
        type="about:blank",
        title=title,
        status=status,
        detail=str(error) if ours else "something went wrong here; the log says what",
        pointer=error.pointer if isinstance(error, Malformed) else None,
    )
    headers: dict[str, str] = {}
    if isinstance(error, TryAgain):
        headers["Retry-After"] = str(max(1, math.ceil(error.after_s)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _response(body, headers)


def http_exception_problem(error: HTTPException) -> Response:
    """The framework's own refusals: no such address, no such method."""
    title = HTTPStatus(error.status_code).phrase
    body = Problem(type="about:blank", title=title, status=error.status_code, detail=title)
    return _response(body, error.headers or {})


def _response(body: Problem, headers: Mapping[str, str]) -> Response:
    content = orjson.dumps(body.model_dump(exclude_none=True))
    return Response(content, body.status, headers, media_type="application/problem+json")


async def error_response(_: Request, error: Exception) -> Response:
    """Starlette's exception handler for all of them."""
    return problem(error)
