"""uvicorn's HTTP protocol with bounds on what a client may send, in time and bytes, before the application sees it.

Bytes are counted before the parser joins them: it joins the parts of a header, or of an address, again with
each part, which takes 31 s for a header of 64 MiB.
"""

import asyncio
from collections import deque

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pipeline.errors import Service6Error
from pipeline.settings.sections import ApiSettings
from workers.api.errors import HeadTooLarge, UrlTooLong, problem
from workers.request_limits import Client, RequestLimits

PIPELINED = 16  # requests that may wait on one connection behind the one that is being answered
LINGER_S = 1.0  # how long input of a refused client is discarded, so that it can read the answer


class Held:
    """The bytes held for one request, and its client; `cycle` is uvicorn's, which answers it."""

    __slots__ = ("client", "cycle", "size")

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cycle: RequestResponseCycle | None = None
        self.size = 0


def bounded_protocol(settings: ApiSettings) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn; its connections share the counts."""
    limits = RequestLimits(settings)

    class BoundedProtocol(RequestDeadline):
        _limits = limits
        _settings = settings

    return BoundedProtocol


class BoundedRequests(HttpToolsProtocol):
    """Refuses what is too large: with 414, 431, 429 for one address, 503 for all together."""

    _limits: RequestLimits
    _settings: ApiSettings
    _client: Client
    _connected = False
    _refused = False
    _head: Held  # of a request whose head is not whole
    _parsed = 0  # how often the parser has reported a complete part
    _loose = 0  # bytes received since then

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._client = self._limits.client(self.client[0] if self.client else "")
        self._connected = True
        self._head = Held(self._client)
        self._requests: deque[Held] = deque()  # the newest first, as in uvicorn's pipeline
        refusal = self._limits.connect(self._client)
        if refusal is not None:
            self._refuse(refusal, linger_s=0.0)  # or those who are too many would still be there

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._leave()  # from here on the relay has its own bounds
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Passes the parser no more at once than it may join before it reports a part."""
        while data and not self._refused and not self.transport.is_closing():
            room = self._settings.head_limit - self._loose
            part, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            parsed = self._parsed
            super().data_received(part)
            if self._parsed == parsed and self._connected and not self._refused:
                self._await_more(len(part))

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > self._settings.url_limit:
            self._refuse(UrlTooLong(f"an address must not exceed {self._settings.url_limit} bytes"))
        else:
            super().on_url(url)

    def on_headers_complete(self) -> None:
        self._note()
        self._release(self._head)
        if self._refused:
            return
        if len(self.headers) > self._settings.header_limit:
            self._refuse(HeadTooLarge(f"a request must not have more than {self._settings.header_limit} headers"))
        elif len(self.pipeline) >= PIPELINED:
            self._cut_off()
        else:
            request = Held(self._speaker() if self._client.trusted else self._client)
            self._requests.appendleft(request)
            super().on_headers_complete()
            request.cycle = self.cycle

    def on_body(self, body: bytes) -> None:
        self._note()
        if self._refused or self.cycle is None or self.cycle.response_complete:
            return
        request = self._requests[0]
        request.size += len(body)
        refusal = self._limits.hold(request.client, len(body))
        super().on_body(body)
        if refusal is not None:
            self._refuse(refusal)

    def on_message_complete(self) -> None:
        self._note()
        self._release(self._head)
        if not self._refused and self.cycle is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._requests:
            self._release(self._requests.pop())
        super().on_response_complete()

    def _note(self) -> None:
        self._parsed += 1
        self._loose = 0

    def _await_more(self, size: int) -> None:
        """Bounds a head, a trailer, or what stands between chunks, while the parser waits for more."""
        self._loose += size
        self._head.size += size
        refusal: Service6Error | None = self._limits.hold(self._client, size)
        if self._loose >= self._settings.head_limit:
            refusal = HeadTooLarge(f"the headers must not exceed {self._settings.head_limit} bytes")
        if refusal is not None:
            self._refuse(refusal)

    def _speaker(self) -> Client:
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        return self._limits.named_by(self._client, b",".join(forwarded).decode("latin-1"))

    def _refuse(self, error: Service6Error, linger_s: float = LINGER_S) -> None:
        """Answers and hangs up; where another answer is under way or owed first, it only hangs up."""
        if self._refused:
            return
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (under_way and (self.cycle.response_started or not self.cycle.more_body)):
            self._cut_off()
            return
        self._cut_off(linger_s)
        answer = problem(error)
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body))

    def _cut_off(self, linger_s: float = 0.0) -> None:
        self._refused = True
        self._let_go()
        self.pipeline.clear()
        self.flow.resume_reading()
        self.loop.call_later(linger_s, self.transport.close)

    def _leave(self) -> None:
        """Stops counting: the connection has ended, or another protocol bounds it."""
        if self._connected:
            self._connected = False
            self._limits.disconnect(self._client)
            self._let_go()

    def _let_go(self) -> None:
        """Ends all requests that are not answered yet; what the application still sends is dropped.

        uvicorn itself notifies only the newest of several requests that wait on one connection.
        """
        for held in (self._head, *self._requests):
            self._release(held)
            if held.cycle is not None and not held.cycle.response_complete:
                held.cycle.disconnected = True
                held.cycle.message_event.set()
        self._requests.clear()

    def _release(self, held: Held) -> None:
        if held.size:
            self._limits.release(held.client, held.size)
            held.size = 0


class RequestDeadline(BoundedRequests):
    """Closes a connection whose request, head and body, is not complete in time.

    uvicorn itself waits for ever: a few clients that send a byte a minute would hold every connection.
    """

    _since: float | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(self._settings.request_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._stop_timer()  # from here on the relay has its own deadlines
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since = self.loop.time()

    def on_message_complete(self) -> None:
        self._since = None
        super().on_message_complete()

    def _look(self) -> None:
        """Checks the deadline; one timer per connection, because one per request would slow webhooks down."""
        now = self.loop.time()
        since = now if self._since is None else self._since
        if now - since >= self._settings.request_s:
            self.transport.close()
        else:
            self._timer = self.loop.call_at(since + self._settings.request_s, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
