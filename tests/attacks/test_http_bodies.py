"""Bodies with more values than anybody sends: refused before they are made, and other webhooks go on meanwhile."""

import json
import time
from collections.abc import Iterator
from threading import Thread

import httpx2
import pytest

from pipeline.settings.loader import Settings
from pipeline.vendors.parse_result import EVENT_LIMIT
from tests.support import crm
from tests.support.serving import Api, api, log_of

OBJECTS = b"[" + b"{}," * 300_000 + b"{}]"
NUMBERS = b"[" + b"1," * 450_000 + b"1]"
LISTS = b"[" + b"[]," * 300_000 + b"[]]"
TAGS = b"<a>" + b"<b/>" * 200_000 + b"</a>"
SENDERS = 6
# The worst gap between two answers of a small webhook, which took as long as each of these bodies: 0.5 to 9 s.
GAP_S = 2.0


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    # The source of the other tests keeps its own secret.
    with api(place, **crm.environment([name for name in crm.SAMPLE_VENDORS if name != "standard"])) as running:
        assert running.tell("first").status_code == 202
        yield running


def bodies(name: str) -> list[bytes]:
    """Of this vendor, each signed as it would sign it."""
    whole = crm.sequence(name)[0]
    if name == "salesforce":
        return [whole.replace(b"<sf:Company>", TAGS + b"<sf:Company>")]
    first = json.loads(whole)
    inside = {
        "hubspot": lambda marked: [{**first[0], "propertyValue": marked}],
        "gohighlevel": lambda marked: {**first, "customFields": marked},
        "pipedrive": lambda marked: {**first, "data": {**first["data"], "notes": marked}},
        "zoho": lambda marked: {**first, "affected_values": marked},
        "standard": lambda marked: {**first, "data": {**first["data"], "notes": marked}},
    }[name]
    template = json.dumps(inside("@")).encode()
    return [template.replace(b'"@"', values) for values in (OBJECTS, NUMBERS, LISTS)]


def worst_gap_while(served: Api, attack: Thread) -> float:
    worst, n = 0.0, 0
    attack.start()
    while attack.is_alive():
        began = time.monotonic()
        assert served.tell(f"beside-{n}").status_code == 202
        worst, n = max(worst, time.monotonic() - began), n + 1
    attack.join()
    return worst


def together(served: Api, path: str, requests: list[tuple[bytes, dict[str, str]]], statuses: set[int]) -> Thread:
    """A thread that sends them from several clients; each must be answered with one of these."""

    def one(body: bytes, headers: dict[str, str]) -> None:
        statuses.add(httpx2.post(served.url + path, content=body, headers=headers, timeout=60).status_code)

    def all_of_them() -> None:
        threads = [Thread(target=one, args=request) for request in requests * (SENDERS // len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return Thread(target=all_of_them)


@pytest.mark.parametrize("name", crm.SAMPLE_VENDORS)
def test_signed_bodies_of_many_values_hold_nobody_up(served: Api, name: str) -> None:
    sender = crm.sample_vendor(name)
    requests = [(body, served.signed(body) if name == "standard" else sender.signed(body)) for body in bodies(name)]
    told: set[int] = set()
    assert worst_gap_while(served, together(served, sender.path, requests, told)) < GAP_S
    assert told == {401 if name == "zoho" else 400}  # Zoho's token is in the body, and so unknown
    assert "Traceback" not in log_of(served.settings, "api").read_text(encoding="utf-8")


@pytest.mark.parametrize("values", [OBJECTS, NUMBERS, LISTS], ids=["objects", "numbers", "lists"])
def test_zohos_body_is_bounded_before_its_token_is_known(served: Api, values: bytes) -> None:
    told: set[int] = set()
    forged = b'{"token": "guessed", "channel_id": 1, "x": ' + values + b"}"
    assert worst_gap_while(served, together(served, "/webhooks/zoho", [(forged, {})], told)) < GAP_S
    assert told == {401}


API_BODIES = {
    "score-lead": ("/api/v1/ai/score-lead", b'{"attributes": {"a": @}}'),
    "lookup": ("/api/v1/leads/lookup", b'{"contact": @}'),
    "run": ("/api/v1/rescore-runs", b'{"filter": {"sources": @}}'),
    "preview": ("/api/v1/rescore-runs/preview", b'{"filter": {"where": @}}'),
    "training": ("/api/v1/trainings", b'{"without": @}'),
}


@pytest.mark.parametrize(("path", "body"), API_BODIES.values(), ids=API_BODIES.keys())
def test_bodies_of_the_api_have_the_same_bound(served: Api, path: str, body: bytes) -> None:
    headers = {**served.bearer(), "Content-Type": "application/json"}
    requests = [(body.replace(b"@", values), headers) for values in (OBJECTS, NUMBERS, LISTS)]
    told: set[int] = set()
    assert worst_gap_while(served, together(served, path, requests, told)) < GAP_S
    assert told == {400}
    problem = served.http.post(path, content=requests[0][0], headers=headers).json()
    assert problem["detail"] == "more than 20,000 values"


@pytest.mark.parametrize("body", [b"{", b'{"attributes": NaN}', b"\xff", b"[1]", b"[" * 5000, b'{"lead_id": 1e400}'])
def test_json_that_is_none_is_told_as_such(served: Api, body: bytes) -> None:
    headers = {**served.bearer(), "Content-Type": "application/json"}
    answer = served.http.post("/api/v1/ai/score-lead", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_as_many_events_as_a_vendor_may_send_are_taken(served: Api) -> None:
    first = json.loads(crm.sequence("hubspot")[0])[0]
    body = json.dumps([{**first, "objectId": n, "eventId": n} for n in range(EVENT_LIMIT)]).encode()
    sender = crm.sample_vendor("hubspot")
    assert served.http.post(sender.path, content=body, headers=sender.signed(body)).status_code == 202
