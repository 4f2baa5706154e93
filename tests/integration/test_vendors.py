"""The six vendors at the doors of a real API with a real worker: what comes in, in which manner it is answered."""

import base64
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from pipeline.settings.loader import Settings
from pipeline.vendors.xml_body import Element, parse
from pipeline.wiring import Services
from tests.integration.rows import execute, rows, value
from tests.support import crm
from tests.support.crm import SAMPLE_VENDORS, SampleVendor, expected, sample_vendor, sequence
from tests.support.serving import Api, api, log_of, open_services, worker
from tests.support.waiting import eventually

# The recorded bodies are of one day.
OPEN = crm.environment() | {"SERVICE6_UPKEEP__DELIVERY_DAYS": "36500"}


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api(place, **OPEN) as running, worker(place):
        yield running


@pytest.fixture
def services(place: Settings) -> Iterator[Services]:
    with open_services(place) as made:
        execute(made, "TRUNCATE leads, lead_contacts, unscored, deliveries, scores, outbox CASCADE")
        yield made


def post(
    served: Api, sender: SampleVendor, body: bytes, now: datetime | None = None, **headers: str
) -> httpx2.Response:
    return served.http.post(sender.path, content=body, headers={**sender.signed(body, now), **headers})


def is_acknowledged(sender: SampleVendor, answer: httpx2.Response) -> bool:
    if sender.name == "salesforce":
        return answer.status_code == 200 and soap(answer).child("notificationsResponse").child("Ack").text == "true"
    return (answer.status_code, answer.content) == (202, b'{"status":"accepted"}')


def is_refused(sender: SampleVendor, answer: httpx2.Response, status: int) -> bool:
    """With a problem, or where the vendor speaks SOAP a fault; and it is no acknowledgement."""
    if sender.name == "salesforce":
        return answer.status_code == status and bool(soap(answer).child("Fault").child("faultstring").text)
    return answer.status_code == answer.json()["status"] == status and bool(answer.json()["detail"])


def soap(answer: httpx2.Response) -> Element:
    return parse(answer.content).child("Body")


def stored(services: Services) -> tuple[int, int]:
    [row] = rows(
        services, "SELECT (SELECT count(*) FROM leads) AS leads, (SELECT count(*) FROM deliveries) AS deliveries"
    )
    return row["leads"], row["deliveries"]


def lead(served: Api, services: Services) -> dict[str, Any]:
    """The one lead there is, once its newest revision has a score."""
    eventually(lambda: value(services, "SELECT count(*) FROM unscored") == 0, within_s=30)
    lead_id = value(services, "SELECT id FROM leads")
    found: dict[str, Any] = served.get(f"/api/v1/leads/{lead_id}").json()
    return found


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_a_lead_from_its_creation_to_its_end_shuffled_and_doubled(served: Api, services: Services, name: str) -> None:
    sender, wanted = sample_vendor(name), expected(name)
    bodies = sequence(name) * 2
    random.Random(name).shuffle(bodies)
    with ThreadPoolExecutor(4) as pool:  # and some at once
        answers = [*pool.map(lambda body: post(served, sender, body), bodies)]
    assert all(is_acknowledged(sender, answer) for answer in answers)
    found = lead(served, services)
    assert (found["source"], found["external_id"]) == (name, wanted["external_id"])
    assert found["attributes"] == wanted["attributes"]
    assert (found["stage"], found["owner"], found["outcome"]) == (wanted["stage"], wanted["owner"], "won")
    ended = value(services, "SELECT outcome_at FROM leads")
    assert ended == datetime.fromisoformat(wanted["outcome_at"])
    seen = [factor["attribute"] for factor in found["score"]["factors"]]
    assert {*wanted["factors"]} <= {*seen, *wanted["factors"][4:]}
    assert len(seen) >= 3
    assert value(services, "SELECT count(*) FROM lead_contacts") == 1
    assert "jane" not in str(rows(services, "SELECT * FROM leads")).casefold()
    # All of it was there before, so none of it has an effect.
    revision = value(services, "SELECT revision FROM leads")
    assert all(is_acknowledged(sender, post(served, sender, body)) for body in bodies)
    assert value(services, "SELECT revision FROM leads") == revision
    assert value(services, "SELECT count(*) FROM leads") == 1


FORGED = {
    "standard": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "hubspot": "another-client-secret",
    "gohighlevel": "another key",
    "pipedrive": "service6:another-password-for-it",
    "salesforce": "another-address-that-nobody-knows",
    "zoho": "1000000068001:ANOTHER_TOKEN_OF_1000000068001",
}


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_a_forger_gets_nothing_in(served: Api, services: Services, name: str) -> None:
    forger, body = sample_vendor(name, FORGED[name]), sequence(name)[0]
    if name == "zoho":
        body = body.replace(b"TOKEN_FOR", b"TOKEN_OF_")
    assert is_refused(forger, post(served, forger, body), 401)
    bare = served.http.post(forger.path, content=body)
    assert is_refused(forger, bare, 401)
    assert stored(services) == (0, 0)


@pytest.mark.parametrize("name", ["standard", "hubspot"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_stale_request_is_refused(served: Api, services: Services, name: str, minutes: int) -> None:
    sender = sample_vendor(name)
    stale = datetime.now(UTC) + timedelta(minutes=minutes)
    assert is_refused(sender, post(served, sender, sequence(name)[0], stale), 401)
    assert stored(services) == (0, 0)


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_bodies_that_are_none_of_the_vendors(served: Api, services: Services, name: str) -> None:
    """Where the proof is in the body, the broken one proves nothing."""
    sender, body = sample_vendor(name), sequence(name)[0]
    status = 401 if name == "zoho" else 400
    doctype = b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
    for broken in (b"", body[: len(body) // 2], doctype, b"[" * 100_000, b"<a>" * 100_000, b"budget=5&id=7"):
        assert is_refused(sender, post(served, sender, broken), status), broken[:20]
    assert is_refused(sender, post(served, sender, body + b" " * (1 << 20)), 413)
    assert stored(services) == (0, 0)


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_a_wrong_content_type_is_no_reason_to_lose_a_lead(served: Api, services: Services, name: str) -> None:
    """The body decides; a proxy's idea of its type does not."""
    sender = sample_vendor(name)
    answer = post(served, sender, sequence(name)[0], **{"Content-Type": "application/x-www-form-urlencoded"})
    assert is_acknowledged(sender, answer)
    assert stored(services)[0] == 1


MANY = 10_000
HUBSPOT = orjson.loads(sequence("hubspot")[0])[0]


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_ten_thousand_events_in_one_body_are_refused_as_one(served: Api, services: Services, name: str) -> None:
    """None of these vendors sends more than 100; that this is no 500 and holds nobody up is what counts."""
    sender = sample_vendor(name)
    notification = b"<Notification><Id>1</Id><sObject/></Notification>"
    body = {
        "hubspot": orjson.dumps([{"subscriptionType": "contact.creation", "objectId": n} for n in range(MANY)]),
        "zoho": orjson.dumps({**orjson.loads(sequence("zoho")[0]), "ids": [str(n) for n in range(MANY)]}),
        "salesforce": sequence("salesforce")[0].replace(b"<Notification>", notification * MANY + b"<Notification>"),
    }.get(name, orjson.dumps([{"id": n} for n in range(MANY)]))  # of one record a body
    assert is_refused(sender, post(served, sender, body), 400)
    assert stored(services) == (0, 0)


def test_a_thousand_events_of_as_many_leads_are_one_request(served: Api, services: Services) -> None:
    sender = sample_vendor("hubspot")
    events = [{**HUBSPOT, "objectId": n, "eventId": n} for n in range(1000)]
    assert is_acknowledged(sender, post(served, sender, orjson.dumps(events)))
    assert stored(services) == (1000, 1000)


UNKNOWN = {
    "hubspot": orjson.dumps([{"subscriptionType": "contact.deletion"}, {"subscriptionType": "call.creation"}]),
    "gohighlevel": orjson.dumps({"type": "InvoicePaid", "locationId": crm.LOCATION}),
    "pipedrive": sequence("pipedrive")[0].replace(b'"deal"', b'"activity"'),
    "salesforce": sequence("salesforce")[0].replace(b"sf:Lead", b"sf:Case"),
    "zoho": sequence("zoho")[0].replace(b'"Leads"', b'"Calls"'),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_we_do_not_know_is_acknowledged_and_counted(served: Api, services: Services, name: str) -> None:
    """Or the vendor would send it again for days."""
    sender, before = sample_vendor(name), ignored(served, name)
    assert is_acknowledged(sender, post(served, sender, UNKNOWN[name]))
    assert ignored(served, name) - before == (2 if name == "hubspot" else 1)
    assert stored(services) == (0, 0)


def ignored(served: Api, name: str) -> float:
    lines = served.get("/metrics").text.splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("service6_webhook_ignored_total") and f'source="{name}"' in line
    )


def test_an_address_with_a_key_is_salesforces_alone(served: Api, place: Settings) -> None:
    """And the key is in no log."""
    for name in ("standard", "pipedrive"):
        sender = sample_vendor(name)
        answer = served.http.post(f"{sender.path}/x", content=b"{}", headers=sender.signed(b"{}"))
        assert answer.status_code == 404
    sender = sample_vendor("salesforce")
    assert is_acknowledged(sender, post(served, sender, sequence("salesforce")[0]))
    assert is_refused(sender, served.http.post("/webhooks/salesforce", content=b""), 401)
    assert sender.secret not in log_of(place, "api").read_text(encoding="utf-8")


def test_a_lead_of_which_little_is_known_says_so(served: Api, services: Services) -> None:
    sender = sample_vendor("hubspot")
    assert is_acknowledged(sender, post(served, sender, orjson.dumps([HUBSPOT])))
    score = lead(served, services)["score"]
    assert score["confidence"] < 0.15
    assert score["explanation"].startswith("Not enough is known about this lead yet.")
    assert score["base"] + sum(f["points"] for f in score["factors"]) + score["others"] == pytest.approx(score["score"])


def test_a_source_may_have_any_name_and_more_than_one_a_vendor(place: Settings, services: Services) -> None:
    """From variables alone; its fields are the vendor's, but for what it says itself."""
    secret = "deals:a-password-of-its-own"
    given = {
        "SERVICE6_SOURCES__PIPE-TWO__VENDOR": "pipedrive",
        "SERVICE6_SOURCES__PIPE-TWO__RECORD": "person",
        "SERVICE6_SOURCES__PIPE-TWO__FIELDS": '{"company_size": {"kind": "number"}}',
        "SERVICE6_WEBHOOK_SECRET_PIPE_TWO": secret,
    }
    person = orjson.loads(sequence("pipedrive")[0])
    person["meta"]["entity"] = "person"
    person["data"] = {"id": 3, "name": "Jane Roe", "company_size": "12", "origin": "WebForms"}
    basic = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    with api(place, "two", **given) as running:
        answer = running.http.post("/webhooks/pipe-two", content=orjson.dumps(person), headers=basic)
        assert answer.status_code == 202, answer.text
    assert rows(services, "SELECT source, attributes FROM leads") == [
        {"source": "pipe-two", "attributes": {"company_size": 12, "lead_source": "WebForms"}}
    ]


def test_what_the_api_wrote_of_all_this_names_no_leads_values(place: Settings) -> None:
    assert "jane" not in log_of(place, "api").read_text(encoding="utf-8").casefold()
