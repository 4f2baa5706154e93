"""Turns errors into RFC 9457 problem details; the only place where an error becomes an HTTP status."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import Conflict, GiveUp, Malformed, NotFound, Refused, Service6Error, TryAgain
from schemas.api import Problem


class TooLarge(GiveUp):
    """The body exceeds the limit."""


class UrlTooLong(GiveUp):
    """The address, with its query, exceeds the limit."""


class HeadTooLarge(GiveUp):
    """The headers are too many, or too long."""


class Forbidden(Refused):
    """The caller is known, but the role does not allow the request."""


class QueueFull(TryAgain):
    """More requests wait than are held in memory."""


class OverBudget(TryAgain):
    """This user has exceeded the request budget."""


NO_METRICS = "metrics are for admins, executives and monitors; `service6 token --role monitor` makes a token for one"

# The most specific first.
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
    """The problem response for an error: with the text of our own errors only."""
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
    """The problem response for the framework's own errors: unknown address, method not allowed."""
    title = HTTPStatus(error.status_code).phrase
    body = Problem(type="about:blank", title=title, status=error.status_code, detail=title)
    return _response(body, error.headers or {})


def _response(body: Problem, headers: Mapping[str, str]) -> Response:
    content = orjson.dumps(body.model_dump(exclude_none=True))
    return Response(content, body.status, headers, media_type="application/problem+json")


async def error_response(_: Request, error: Exception) -> Response:
    """Starlette's exception handler for all errors."""
    return problem(error)
