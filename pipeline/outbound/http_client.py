"""Calls to servers of others: each ends by its deadline, with an answer of bounded size."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Self

import httpx2
import orjson

from pipeline.errors import Service6Error
from pipeline.settings.sections import OutboundSettings

CONNECTIONS = 10
LONGEST_PAUSE_S = 86_400.0  # whatever a server asks for


class Unavailable(Service6Error):
    """The server cannot answer now; `after_s`: when it asked to be called again, if it said so."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Request(NamedTuple):
    """One HTTP request. `form`: the body is an HTML form's, not JSON."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = {}
    method: str = "POST"
    form: bool = False


class Response(NamedTuple):
    """The answer to a request. `after_s`: when the server wants to be called again, if it says so."""

    status: int
    body: bytes
    after_s: float | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one if it is anything else."""
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return document if isinstance(document, dict) else {}


def http_client(limits: OutboundSettings) -> "HttpClient":
    return HttpClient(deadline_s=limits.deadline_s, answer_limit=limits.answer_limit)


class HttpClient:
    """An HTTP client that keeps connections while its context lasts; it uses no proxies and follows no redirects.

    Asynchronous inside, because the client's timeout applies to each read: a server that sends a byte now and then
    would hold a worker for ever.
    """

    def __init__(self, *, deadline_s: float, answer_limit: int) -> None:
        self._deadline_s = deadline_s
        self._answer_limit = answer_limit
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._runner = self._closing.enter_context(asyncio.Runner())
        limits = httpx2.Limits(max_connections=CONNECTIONS)
        self._client = httpx2.AsyncClient(
            timeout=self._deadline_s, limits=limits, follow_redirects=False, trust_env=False
        )
        self._closing.callback(lambda: self._runner.run(self._client.aclose()))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def ask(self, call: Request) -> Response:
        """Sends one request. Raises Unavailable if no complete answer came in time."""
        [answer] = self.ask_all([call])
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def ask_all(self, calls: Iterable[Request]) -> list[Response | Unavailable]:
        """Sends all requests at once; returns each one's answer, or why there is none."""
        return self._runner.run(self._together(list(calls)))

    async def _together(self, calls: list[Request]) -> list[Response | Unavailable]:
        return await asyncio.gather(*map(self._one, calls))

    async def _one(self, call: Request) -> Response | Unavailable:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._answer(call)
        except TimeoutError:
            return Unavailable(f"no answer within {self._deadline_s:g} s")
        except httpx2.HTTPError as error:
            return Unavailable(f"no answer ({type(error).__name__})")
        except Unavailable as error:
            return error

    async def _answer(self, call: Request) -> Response:
        kind = "application/x-www-form-urlencoded" if call.form else "application/json"
        # A compressed answer could unpack to a thousand times its size.
        headers = {"Content-Type": kind, "Accept-Encoding": "identity", "User-Agent": "service6", **call.headers}
        request = self._client.stream(call.method, call.url, content=call.body, headers=headers)
        async with request as response:
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > self._answer_limit:
                    raise Unavailable(f"the answer exceeds {self._answer_limit} bytes")
                parts.append(part)
            return Response(
                response.status_code, b"".join(parts), after(response.headers.get("Retry-After"), datetime.now(UTC))
            )


def after(said: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, given as seconds or as a date (RFC 9110)."""
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            moment = parsedate_to_datetime(said)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE_S) if math.isfinite(seconds) else None
