"""What uvicorn is told, whichever of our applications it serves: bounds on clients, and headers on every answer."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.settings.loader import Settings
from workers.relay.frames import CLOSE_S, FrameProtocol

HSTS_S = 31_536_000  # a year

# The page adds a policy of its own; a browser obeys both.
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
]


def server_options(settings: Settings) -> dict[str, Any]:
    relay, api = settings.relay, settings.api
    return {
        "loop": "uvloop",
        "http": with_request_timeout(api.request_s),
        "ws": FrameProtocol,
        "ws_max_size": relay.message_limit,
        # Costs more than half as much again as the write itself.
        "ws_per_message_deflate": False,
        # It counts sockets too; what comes beyond is answered 503.
        "limit_concurrency": relay.sockets + api.connections,
        # Here and not in a middleware: it costs webhooks nothing, and the server's own refusals have them too.
        "headers": [*HEADERS, *_hsts(settings)],
        "server_header": False,
        "log_config": None,
        "access_log": False,
        # At INFO it logs the request line of every socket, with whatever a client put into the query.
        "log_level": "warning",
        "timeout_graceful_shutdown": round(relay.drain_s + CLOSE_S + 1),
    }


def _hsts(settings: Settings) -> list[tuple[str, str]]:
    behind_tls = settings.env == "production" and settings.api.public_url.startswith("https://")
    return [("Strict-Transport-Security", f"max-age={HSTS_S}")] if behind_tls else []


def with_request_timeout(request_s: float) -> type[HttpToolsProtocol]:
    """uvicorn's HTTP, but a request must come in whole, head and body, within this time.

    uvicorn itself waits for ever: a few clients that send a byte a minute would hold every connection.
    """

    class RequestTimeoutProtocol(HttpToolsProtocol):
        _since: float | None = None
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._since = self.loop.time()
            self._timer = self.loop.call_later(request_s, self._look)

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def handle_websocket_upgrade(self) -> None:
            self._rest()  # from here on the relay has its own deadlines
            super().handle_websocket_upgrade()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._since = self.loop.time()

        def on_message_complete(self) -> None:
            self._since = None
            super().on_message_complete()

        def _look(self) -> None:
            """One timer a connection, set anew when it goes off: one a request would cost webhooks their speed."""
            now = self.loop.time()
            since = now if self._since is None else self._since
            if now - since >= request_s:
                self.transport.close()
            else:
                self._timer = self.loop.call_at(since + request_s, self._look)

        def _rest(self) -> None:
            if self._timer is not None:
                self._timer.cancel()

    return RequestTimeoutProtocol
