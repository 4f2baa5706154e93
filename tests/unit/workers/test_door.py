"""What comes in at a door: in whatever order a vendor's events arrive, the same lead; of a wrong body the place."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pipeline.errors import Malformed, Misconfigured, Refused
from pipeline.merging import Lead
from pipeline.metrics import Metrics
from pipeline.security.signatures.request import SignedRequest
from pipeline.settings import load
from pipeline.wiring import Services
from schemas.crm.report import EVENT_LIMIT, Ignored
from tests import crm
from tests.crm import VENDORS, expected, sequence, vendor
from workers.door import Reader, door, doors, reader

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**crm.environment(), "SERVICE6_SECRET_KEY": "k"}.items():
            patch.setenv(name, value)
        yield Services(load(tmp_path_factory.mktemp("state")), Metrics(CollectorRegistry()))


def told(made: Reader, bodies: list[bytes]) -> Lead:
    lead = Lead("x", "")
    for body in bodies:
        changes, _ = made.changes(made.report(body), crm.vendor("standard").signed(body)["webhook-id"], NOW)
        for change in changes:
            assert lead.external_id in ("", change.external_id)
            lead.external_id = change.external_id
            lead.fold(change, NOW)
    return lead


@pytest.mark.parametrize("name", VENDORS)
def test_whatever_the_order_it_is_the_same_lead(own: Services, name: str) -> None:
    made = reader(own, name)
    wanted = expected(name)

    @given(st.permutations(sequence(name) * 2))
    @settings(max_examples=40)
    def ends_alike(bodies: list[bytes]) -> None:
        lead = told(made, bodies)
        assert (lead.external_id, lead.stage, lead.owner) == (wanted["external_id"], wanted["stage"], wanted["owner"])
        assert lead.attributes == wanted["attributes"]
        assert sorted(lead.contacts) == wanted["sealed"]
        assert (lead.outcome, lead.outcome_at) == (wanted["outcome"], datetime.fromisoformat(wanted["outcome_at"]))

    ends_alike()


@pytest.mark.parametrize("name", VENDORS)
def test_no_value_that_is_personal_stays_in_the_attributes(own: Services, name: str) -> None:
    assert "jane" not in repr(told(reader(own, name), sequence(name)).attributes).casefold()


@pytest.mark.parametrize("name", [name for name in VENDORS if name != "standard"])
def test_what_is_sent_again_has_the_same_id(own: Services, name: str) -> None:
    """And each change its own, whatever number of attempt the vendor writes beside it."""
    made = reader(own, name)
    bodies = sequence(name)
    again = [
        body.replace(b'"attemptNumber": 0', b'"attemptNumber": 1').replace(b'"attempt": 1', b'"attempt": 2')
        for body in bodies
    ]
    ids = [[event.delivery_id for body in sent for event in made.report(body).events] for sent in (bodies, again)]
    assert ids[0] == ids[1]
    assert len({*ids[0]}) == len(ids[0])


# What is left out.

HUBSPOT = orjson.loads(sequence("hubspot")[0])[1]
GHL = orjson.loads(sequence("gohighlevel")[0])
PIPEDRIVE = orjson.loads(sequence("pipedrive")[0])
ZOHO = orjson.loads(sequence("zoho")[0])
SALESFORCE = sequence("salesforce")[0]


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("hubspot", [{**HUBSPOT, "subscriptionType": "contact.deletion"}], Ignored.DELETION),
        ("hubspot", [{**HUBSPOT, "subscriptionType": "contact.privacyDeletion"}], Ignored.PRIVACY_DELETION),
        ("hubspot", [{**HUBSPOT, "subscriptionType": "deal.creation"}], Ignored.OTHER_RECORD),
        ("hubspot", [{"subscriptionType": "object.creation", "objectTypeId": "0-3"}], Ignored.OTHER_RECORD),
        ("hubspot", [{"subscriptionType": "contact.associationChange"}], Ignored.UNKNOWN),
        ("hubspot", [{"subscriptionType": "conversation.newMessage", "objectId": None}], Ignored.OTHER_RECORD),
        ("gohighlevel", {**GHL, "type": "ContactDelete"}, Ignored.DELETION),
        ("gohighlevel", {"type": "AppInstall", "companyId": "c"}, Ignored.UNKNOWN),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "action": "delete"}, "data": None}, Ignored.DELETION),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "entity": "activity"}, "data": None}, Ignored.OTHER_RECORD),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "action": "merge"}}, Ignored.UNKNOWN),
        ("zoho", {**ZOHO, "operation": "delete"}, Ignored.DELETION),
        ("zoho", {**ZOHO, "module": "Deals"}, Ignored.OTHER_RECORD),
        ("zoho", {**ZOHO, "operation": "restore"}, Ignored.UNKNOWN),
        ("salesforce", SALESFORCE.replace(b"sf:Lead", b"sf:Contact"), Ignored.OTHER_RECORD),
        (
            "salesforce",
            SALESFORCE.replace(b"<sf:Company>", b"<sf:IsDeleted>true</sf:IsDeleted><sf:Company>"),
            Ignored.DELETION,
        ),
    ],
)
def test_what_changes_no_lead_is_counted(own: Services, name: str, body: object, reason: Ignored) -> None:
    report = reader(own, name).report(body if isinstance(body, bytes) else orjson.dumps(body))
    assert (list(report.events), report.ignored) == ([], Counter({reason: 1}))


def test_newer_subscriptions_name_the_record_by_number(own: Services) -> None:
    body = orjson.dumps([{**HUBSPOT, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}])
    assert [event.attributes for event in reader(own, "hubspot").report(body).events] == [{"email": "jane@example.com"}]


# What is wrong.


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("hubspot", b"", ""),
        ("hubspot", b"{}", ""),
        ("hubspot", b"[1]", "/0"),
        ("hubspot", b"[[", ""),
        ("hubspot", b"[" * 100_000, ""),
        ("hubspot", orjson.dumps([HUBSPOT, {**HUBSPOT, "objectId": True}]), "/1/objectId"),
        ("hubspot", orjson.dumps([{**HUBSPOT, "occurredAt": 10**18}]), "/0/occurredAt"),
        ("hubspot", orjson.dumps([{**HUBSPOT, "occurredAt": "soon"}]), "/0/occurredAt"),
        ("hubspot", orjson.dumps([HUBSPOT] * 10_000), ""),
        ("hubspot", b"[" + b"{}," * 300_000 + b"{}]", "/0/subscriptionType"),
        ("gohighlevel", orjson.dumps({**GHL, "id": ""}), "/id"),
        ("gohighlevel", orjson.dumps({**GHL, "type": 7}), "/type"),
        ("gohighlevel", orjson.dumps({**GHL, "timestamp": None}), "/timestamp"),
        ("gohighlevel", orjson.dumps({**GHL, "customFields": [{"value": 1}]}), "/customFields/0/id"),
        ("pipedrive", orjson.dumps({"v": 1, "meta": {"action": "added", "object": "deal"}}), "/meta/version"),
        ("pipedrive", orjson.dumps({**PIPEDRIVE, "data": None}), "/data"),
        ("zoho", orjson.dumps({**ZOHO, "ids": "1"}), "/ids"),
        ("zoho", orjson.dumps({**ZOHO, "ids": [str(n) for n in range(10_000)]}), "/ids"),
        ("zoho", orjson.dumps({**ZOHO, "affected_values": [{"record_id": "1"}]}), "/affected_values/0/values"),
        ("salesforce", b"", ""),
        ("salesforce", b"{}", ""),
        ("salesforce", SALESFORCE[:-40], ""),
        ("salesforce", b"<a/>", ""),
        ("salesforce", b"<Envelope/>", ""),
        ("salesforce", b"<a>" * 100_000, ""),
        ("salesforce", SALESFORCE.replace(b"UTF-8", b"UTF-7").replace(b"Example", b"\xff"), ""),
        (
            "salesforce",
            SALESFORCE.replace(b"<sf:Id>00Q000000000001AAA</sf:Id>", b""),
            "/Envelope/Body/notifications/Notification/0/sObject/Id",
        ),
        (
            "salesforce",
            SALESFORCE.replace(
                b"</notifications>", b"<Notification><sObject/></Notification>" * 10_000 + b"</notifications>"
            ),
            "/Envelope/Body/notifications",
        ),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
def test_a_wrong_shape_is_told_with_its_place(own: Services, name: str, body: bytes, pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        reader(own, name).report(body)
    assert caught.value.pointer == pointer


BOMB = b"""<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = b"""<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""
ELSEWHERE = b"""<!DOCTYPE b SYSTEM "http://127.0.0.1:1/b.dtd">"""


@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE, ELSEWHERE])
def test_xml_with_entities_is_refused_before_there_is_one(own: Services, doctype: bytes) -> None:
    declaration, _, rest = SALESFORCE.partition(b"\n")
    with pytest.raises(Malformed, match="document type"):
        reader(own, "salesforce").report(declaration + doctype + rest.replace(b"Example", b"&a;"))


def test_an_entity_that_nothing_declares_is_no_xml(own: Services) -> None:
    with pytest.raises(Malformed, match="not XML"):
        reader(own, "salesforce").report(SALESFORCE.replace(b"Example", b"&a;"))


@pytest.mark.parametrize("name", ["standard", "gohighlevel", "pipedrive", "zoho"])
def test_attributes_nested_too_deep(own: Services, name: str) -> None:
    made = reader(own, name)
    first = {"standard": b'"budget": ', "gohighlevel": b'"city": ', "pipedrive": b'"value": ', "zoho": b'"Email": '}[
        name
    ]
    deep = first + b'{"a":' * 300 + b"1" + b"}" * 300 + b', "was": '
    report = made.report(sequence(name)[0].replace(first, deep))
    with pytest.raises(Malformed, match="nested deeper"):
        made.changes(report, "d", NOW)


@pytest.mark.parametrize("name", [name for name in VENDORS if name != "salesforce"])
def test_of_a_key_that_is_there_twice_the_last_counts(own: Services, name: str) -> None:
    body = sequence(name)[0]
    key = b'"objectId": ' if name == "hubspot" else b'"ids": ' if name == "zoho" else b'"id": '
    # In Pipedrive's the record's own, not that of the envelope.
    head, found, tail = body.rpartition(key) if name == "pipedrive" else body.partition(key)
    doubled = head + (b'"ids": ["another"], ' if name == "zoho" else key + b'"another", ') + found + tail
    made = reader(own, name)
    assert next(event.external_id for event in made.report(doubled).events) == expected(name)["external_id"]


def test_as_many_events_as_a_body_may_have(own: Services) -> None:
    made = reader(own, "hubspot")
    report = made.report(orjson.dumps([{**HUBSPOT, "objectId": n} for n in range(EVENT_LIMIT)]))
    changes, _ = made.changes(report, None, NOW)
    assert len({change.delivery_id for change in changes}) == EVENT_LIMIT


def test_one_event_out_of_bounds_spoils_no_other(own: Services) -> None:
    made = reader(own, "hubspot")
    deep = {**HUBSPOT, "propertyValue": [[[[[[[[[[1]]]]]]]]]]}
    changes, left_out = made.changes(made.report(orjson.dumps([deep, HUBSPOT, deep])), None, NOW)
    assert (len(changes), left_out) == (1, Counter({Ignored.MALFORMED: 2}))


@pytest.mark.parametrize("name", [name for name in VENDORS if name not in ("standard", "salesforce")])
def test_a_long_text_is_no_reason_to_lose_a_lead(own: Services, name: str) -> None:
    """Nobody at a vendor reads our answers; who writes Standard Webhooks for us does, and is told."""
    made = reader(own, name)
    long = (
        sequence(name)[1].replace(b'"Manager"', b'"%s"' % (b"x" * 20_000)).replace(b'"lake"', b'"%s"' % (b"x" * 20_000))
    )
    long = long.replace(b'"XYZ Corp"', b'"%s"' % (b"x" * 20_000))
    changes, _ = made.changes(made.report(long), None, NOW)
    assert max(len(str(value)) for change in changes for value in change.attributes.values()) == 10_000


# Whose it is, and when it was sent.


def test_what_another_account_says_is_acknowledged_and_counted(own: Services) -> None:
    """Its signature is as good as ours: all customers of the vendor have the same."""
    body = sequence("gohighlevel")[0].replace(crm.LOCATION.encode(), b"another-location")
    report = reader(own, "gohighlevel").report(body)
    assert (list(report.events), report.ignored) == ([], Counter({Ignored.OTHER_ACCOUNT: 1}))
    assert enter(own, "gohighlevel", body) == []


def test_what_would_not_be_sent_again_is_refused(own: Services) -> None:
    """Its delivery's id may be forgotten by then."""
    body = sequence("gohighlevel")[0]
    assert len(enter(own, "gohighlevel", body, NOW - timedelta(days=1))) == 1
    with pytest.raises(Refused, match="older"):
        enter(own, "gohighlevel", body, NOW + timedelta(days=1))


def enter(own: Services, name: str, body: bytes, now: datetime = NOW) -> list[str]:
    sender = vendor(name)
    headers = {header.lower(): value for header, value in sender.signed(body, now).items()}
    with freeze_time(now):
        changes, _ = door(own, name).read(SignedRequest("POST", sender.uri, body, headers), now)
    return [change.external_id for change in changes]


@pytest.mark.parametrize("name", VENDORS)
def test_every_door_opens_to_its_vendor(own: Services, name: str) -> None:
    assert {*enter(own, name, sequence(name)[0])} == {expected(name)["external_id"]}
    assert set(doors(own)) == {*VENDORS}


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("SERVICE6_API__PUBLIC_URL", "source hubspot: .*PUBLIC_URL"),
        ("SERVICE6_SOURCES__GOHIGHLEVEL__ACCOUNTS", "source gohighlevel: .*ACCOUNTS"),
    ],
)
def test_a_door_that_would_trust_too_much_is_a_fault_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, reason: str
) -> None:
    for name, value in {**crm.environment(), "SERVICE6_SECRET_KEY": "k"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(variable)
    with pytest.raises(Misconfigured, match=reason):
        doors(Services(load(tmp_path), Metrics(CollectorRegistry())))


def test_there_is_no_such_source(own: Services) -> None:
    with pytest.raises(Misconfigured, match="no source 'nobody'"):
        reader(own, "nobody")
