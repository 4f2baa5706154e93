"""Answers are compressed where it pays, for those who can read them so, and are the same."""

import gzip
from collections.abc import Iterator

import httpx2
import pytest

from pipeline.settings.loader import Settings
from schemas.access import Role
from tests.integration.rows import api_with_leads
from tests.support.serving import Api

LEADS = "/api/v1/leads?limit=60"


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api_with_leads(place, 60) as running:
        yield running


def raw(served: Api, path: str, accepted: str | None, method: str = "GET") -> tuple[httpx2.Headers, bytes]:
    """As it came over the wire."""
    headers = {**served.bearer(Role.ADMIN), "Accept-Encoding": accepted or ""}
    if accepted is None:
        del headers["Accept-Encoding"]
    request = served.http.build_request(method, path, headers=headers)
    if accepted is None:
        del request.headers["Accept-Encoding"]
    answer = served.http.send(request, stream=True)
    try:
        return answer.headers, b"".join(answer.iter_raw())
    finally:
        answer.close()


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8, *;q=0.1"])
def test_a_list_of_leads_is_a_fraction_of_its_weight(served: Api, accepted: str) -> None:
    _, plain = raw(served, LEADS, "identity")
    headers, body = raw(served, LEADS, accepted)
    assert headers["content-encoding"] == "gzip"
    assert int(headers["content-length"]) == len(body) < len(plain) / 4
    assert "accept-encoding" in headers["vary"].lower()
    assert gzip.decompress(body)[:200].split(b'"position"')[0] == plain[:200].split(b'"position"')[0]


@pytest.mark.parametrize("accepted", [None, "identity", "br", "gzip;q=0", "gzip; q=0.000, br", "deflate, gzip;q=0"])
def test_who_does_not_read_gzip_gets_none(served: Api, accepted: str | None) -> None:
    headers, body = raw(served, LEADS, accepted)
    assert "content-encoding" not in headers
    assert body.startswith(b"{")
    assert "accept-encoding" in headers["vary"].lower()


def test_little_answers_are_left_as_they_are(served: Api) -> None:
    for path in ("/api/v1/leads/1", "/health/live", "/api/v1/leads/choices"):
        headers, _ = raw(served, path, "gzip")
        assert "content-encoding" not in headers, path
    asked = {**served.bearer(), "Accept-Encoding": "gzip"}
    answer = served.http.post("/api/v1/ai/score-lead", json={"lead_id": "1"}, headers=asked)
    assert answer.is_success
    assert "content-encoding" not in answer.headers


def test_metrics_and_documents_are_compressed_too(served: Api) -> None:
    for path in ("/metrics", "/docs", "/docs/openapi.yaml"):
        headers, body = raw(served, path, "gzip")
        assert headers["content-encoding"] == "gzip", path
        assert gzip.decompress(body) != body


@pytest.mark.parametrize("path", ["/", "/app.js"])
def test_the_pages_files_are_compressed_once(served: Api, path: str) -> None:
    headers, body = raw(served, path, "gzip")
    assert headers["content-encoding"] == "gzip"
    assert not gzip.decompress(body).startswith(b"\x1f\x8b")
    assert headers.get_list("vary") == ["Accept-Encoding"]
    head, nothing = raw(served, path, "gzip", "HEAD")
    assert nothing == b""
    assert head["content-length"] == headers["content-length"]


def test_webhooks_are_answered_as_they_are(served: Api) -> None:
    answer = served.send(b"{}", **{"Accept-Encoding": "gzip"})
    assert answer.status_code == 400
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers
