"""What stands before the application: slow clients, other origins, headers on every answer; figures of the dead."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.sync.client import connect

from pipeline.metric_files import host
from pipeline.settings.loader import Settings
from tests.support.directories import directory
from tests.support.serving import Api, api, log_of, process
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import HOST, free_port

ORIGIN = "https://crm.example"
REQUEST_S = 0.6
ENVIRONMENT = {
    "SERVICE6_API__REQUEST_S": str(REQUEST_S),
    "SERVICE6_API__ORIGINS": f'["{ORIGIN}"]',
    "SERVICE6_API__CONNECTIONS": "20",
    "SERVICE6_RELAY__SOCKETS": "10",
}


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api(place, **ENVIRONMENT) as running:
        yield running


def connected(served: Api) -> socket.socket:
    address = urlsplit(served.url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=10)


def cut_off_after(client: socket.socket) -> float:
    """Seconds until the server closes the connection without a word."""
    began = time.monotonic()
    assert client.recv(100) == b""
    return time.monotonic() - began


# Slow clients.

HEAD = b"POST /webhooks/standard HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"G", b"GET / HTTP/1.1\r\nX: ", HEAD, HEAD + b"{"])
def test_a_request_that_does_not_come_in_whole_is_cut_off(served: Api, said: bytes) -> None:
    with closing(connected(served)) as client:
        client.sendall(said)
        assert cut_off_after(client) < 5 * REQUEST_S
    assert "Traceback" not in log_of(served.settings, "api").read_text(encoding="utf-8")


def test_a_drip_of_bytes_buys_no_time(served: Api) -> None:
    with closing(connected(served)) as client:
        client.sendall(HEAD)
        began = time.monotonic()
        client.settimeout(REQUEST_S / 10)
        while time.monotonic() - began < 10 * REQUEST_S:
            try:
                client.sendall(b" ")
                if client.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - began < 5 * REQUEST_S


def test_a_connection_that_is_kept_may_rest_between_requests(served: Api) -> None:
    ask = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with closing(connected(served)) as client:
        for pause in (0.0, 2.5 * REQUEST_S):  # uvicorn's own patience with an idle one is 5 s
            assert not closed_within(client, pause)
            client.sendall(ask)
            answer = b""
            while not answer.endswith(b'"ok"}'):
                answer += client.recv(4096)
            assert b" 200 " in answer
        client.sendall(b"GET ")
        assert cut_off_after(client) < 5 * REQUEST_S


def closed_within(client: socket.socket, seconds: float) -> bool:
    client.settimeout(max(seconds, 0.01))
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    finally:
        client.settimeout(10)


def test_more_clients_than_allowed_are_told_to_come_again(served: Api) -> None:
    idle = [connected(served) for _ in range(40)]
    try:
        answer = eventually(lambda: refused(served), within_s=5)
        assert answer.status_code == 503
    finally:
        for client in idle:
            client.close()
    eventually(lambda: served.http.get("/health/live").status_code == 200)


def refused(served: Api) -> httpx2.Response | None:
    answer = httpx2.get(f"{served.url}/health/live")
    return None if answer.is_success else answer


# Headers.


@pytest.mark.parametrize("path", ["/", "/app.js", "/nothing", "/health/live", "/api/v1/leads", "/api/v1/nothing"])
def test_every_answer_bears_the_security_headers(served: Api, path: str) -> None:
    headers = served.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert "server" not in headers
    assert served.http.post("/webhooks/standard", content=b"x").headers["X-Content-Type-Options"] == "nosniff"


def test_in_production_behind_tls_browsers_are_told_to_stay_there_and_no_other_origin_may(place: Settings) -> None:
    production = {
        "SERVICE6_ENV": "production",
        "SERVICE6_SECRET_KEY": place.secret_key.get_secret_value(),
        "DATABASE_URL": place.database_url,
        "SERVICE6_DATABASE__SSL_MODE": "disable",
        "REDIS_URL": place.redis_url,
        "SERVICE6_API__HOST": HOST,
    }
    with api(place, "behind", **production, SERVICE6_API__PUBLIC_URL="https://leads.example.com") as running:
        headers = running.http.get("/health/live", headers={"Origin": ORIGIN}).headers
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Access-Control-Allow-Origin" not in headers


# Other origins.


def test_a_listed_origin_may_read_and_another_may_not(served: Api) -> None:
    for origin, allowed in ((ORIGIN, True), ("https://evil.example", False)):
        asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asking["Access-Control-Request-Headers"] = "authorization, idempotency-key"
        asked = served.http.options("/api/v1/ai/score-lead", headers=asking)
        assert asked.is_success == allowed
        answer = served.http.get("/api/v1/leads", headers={**served.bearer(), "Origin": origin})
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) == allowed
        assert "Access-Control-Allow-Credentials" not in answer.headers


# Figures.


@pytest.fixture
def shared() -> Iterator[Path]:
    with directory() as path:
        yield path


SOCKETS = 'service6_relay_sockets{role="admin"}'


def test_open_sockets_of_a_process_that_is_gone_are_forgotten(place: Settings, shared: Path) -> None:
    with api(place, "scraped", PROMETHEUS_MULTIPROC_DIR=str(shared)) as running:
        feed = f"{running.url.replace('http', 'ws')}/api/v1/dashboard/real-time"
        with connect(feed, additional_headers=running.bearer(), proxy=None) as opened:
            opened.recv(timeout=5)
            figures = running.get("/metrics").text
            assert f"{SOCKETS} 1.0" in figures
            [own] = shared.glob(f"gauge_livesum_{host()}-{running.run.pid}.db")
            # As a process that was killed with its sockets open leaves it, and one of another host.
            gone = _ended_pid()
            (shared / f"gauge_livesum_{host()}-{gone}.db").write_bytes(own.read_bytes())
            (shared / "gauge_livesum_elsewhere-1.db").write_bytes(own.read_bytes())
            assert f"{SOCKETS} 2.0" in running.get("/metrics").text
    assert not (shared / f"gauge_livesum_{host()}-{gone}.db").exists()


def test_a_process_with_the_name_of_its_forerunner_begins_without_its_sockets(shared: Path) -> None:
    """As a container that starts anew: the same host, the same process id."""
    code = (
        "import os; from pathlib import Path; from pipeline.metrics import Metrics;"
        "from pipeline.metric_files import host;"
        f"left = Path({str(shared)!r}) / f'gauge_livesum_{{host()}}-{{os.getpid()}}.db'; left.write_bytes(b'x' * 64);"
        "Metrics(); assert not left.exists() or left.read_bytes()[:1] != b'x'"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def _ended_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_a_relay_of_its_own_tells_its_figures_to_those_with_a_token(place: Settings) -> None:
    port = free_port()
    with (
        process("relay", ("workers.relay",), place, SERVICE6_API__PORT=str(port)) as run,
        httpx2.Client(base_url=f"http://{HOST}:{port}") as http,
    ):
        relay = Api(place, run, f"http://{HOST}:{port}")
        eventually(lambda: run.alive and _live(http), within_s=30)
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
            answer = http.get("/metrics", headers=header)
            assert (answer.status_code, answer.json()["status"]) == (401, 401)
        assert "service6_relay_events_total" in http.get("/metrics", headers=relay.bearer()).text
        relay.http.close()


def _live(http: httpx2.Client) -> bool:
    try:
        return http.get("/health/live").is_success
    except httpx2.TransportError:
        return False


# The documents.


def test_the_documents_are_shown_to_everybody_under_the_pages_policy(served: Api) -> None:
    shown = served.http.get("/docs")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "/api/v1/ai/score-lead" in shown.text
    assert served.http.get("/styles/docs.css").is_success
    for name, word in (("openapi", "openapi: 3.1"), ("asyncapi", "asyncapi: 3.0")):
        assert word in served.http.get(f"/docs/{name}.yaml").text
