"""uvicorn's options for all our applications: bounds on clients, and headers on every answer."""

import resource
from typing import Any

from pipeline.settings.loader import Settings
from workers.http_protocol import bounded_protocol
from workers.relay.frames import CLOSE_S, FrameProtocol

HSTS_S = 31_536_000  # a year

# The page adds a policy of its own; a browser obeys both.
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
]


SPARE_FILES = 200  # besides the clients' connections: those to the servers, logs, figures


def allow_connections(settings: Settings) -> None:
    """Raises the limit of open files, usually 1,024, because each connection is one."""
    wanted = settings.relay.sockets + settings.api.connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def server_options(settings: Settings) -> dict[str, Any]:
    relay, api = settings.relay, settings.api
    return {
        "loop": "uvloop",
        "http": bounded_protocol(api),
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
