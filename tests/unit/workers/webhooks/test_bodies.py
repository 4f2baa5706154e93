"""Bodies that a vendor sends and no lead comes of: what is left out is counted, of what is wrong the place is told."""

import tracemalloc
from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest

from pipeline.errors import Malformed
from pipeline.vendors.gohighlevel.body import FIELD_LIMIT
from pipeline.vendors.parse_result import EVENT_LIMIT, IgnoredReason
from pipeline.wiring import Services
from tests.support.crm import SAMPLE_VENDORS, expected, sequence
from workers.webhooks.receiver import body_parser

NOW = datetime(2026, 11, 22, tzinfo=UTC)

# What is left out.

HUBSPOT = orjson.loads(sequence("hubspot")[0])[1]
GHL = orjson.loads(sequence("gohighlevel")[0])
PIPEDRIVE = orjson.loads(sequence("pipedrive")[0])
STANDARD = orjson.loads(sequence("standard")[0])
ZOHO = orjson.loads(sequence("zoho")[0])
SALESFORCE = sequence("salesforce")[0]


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("hubspot", [{**HUBSPOT, "subscriptionType": "contact.deletion"}], IgnoredReason.DELETION),
        ("hubspot", [{**HUBSPOT, "subscriptionType": "deal.creation"}], IgnoredReason.OTHER_RECORD),
        ("hubspot", [{"subscriptionType": "object.creation", "objectTypeId": "0-3"}], IgnoredReason.OTHER_RECORD),
        ("hubspot", [{"subscriptionType": "contact.associationChange"}], IgnoredReason.UNKNOWN),
        ("hubspot", [{**HUBSPOT, "propertyName": "service6_score", "propertyValue": "71.5"}], IgnoredReason.ECHO),
        ("hubspot", [{"subscriptionType": "conversation.newMessage", "objectId": None}], IgnoredReason.OTHER_RECORD),
        ("gohighlevel", {**GHL, "type": "ContactDelete"}, IgnoredReason.DELETION),
        ("gohighlevel", {"type": "AppInstall", "companyId": "c"}, IgnoredReason.UNKNOWN),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "action": "delete"}, "data": None}, IgnoredReason.DELETION),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "entity": "activity"}, "data": None}, IgnoredReason.OTHER_RECORD),
        ("pipedrive", {"meta": {**PIPEDRIVE["meta"], "action": "merge"}}, IgnoredReason.UNKNOWN),
        ("zoho", {**ZOHO, "operation": "delete"}, IgnoredReason.DELETION),
        ("zoho", {**ZOHO, "module": "Deals"}, IgnoredReason.OTHER_RECORD),
        ("zoho", {**ZOHO, "operation": "restore"}, IgnoredReason.UNKNOWN),
        ("salesforce", SALESFORCE.replace(b"sf:Lead", b"sf:Contact"), IgnoredReason.OTHER_RECORD),
        (
            "salesforce",
            SALESFORCE.replace(b"<sf:Company>", b"<sf:IsDeleted>true</sf:IsDeleted><sf:Company>"),
            IgnoredReason.DELETION,
        ),
    ],
)
def test_what_changes_no_lead_is_counted(services: Services, name: str, body: object, reason: IgnoredReason) -> None:
    report = body_parser(services, name).report(body if isinstance(body, bytes) else orjson.dumps(body))
    assert (list(report.events), report.ignored) == ([], Counter({reason: 1}))


def test_hubspot_asks_to_erase_a_person(services: Services) -> None:
    body = orjson.dumps([HUBSPOT, {**HUBSPOT, "subscriptionType": "contact.privacyDeletion"}])
    changes, ignored = body_parser(services, "hubspot").changes(
        body_parser(services, "hubspot").report(body), None, NOW
    )
    assert [change.forgets for change in changes] == [False, True]
    assert (changes[1].attributes, changes[1].contacts, ignored) == ({}, {}, Counter())


def test_hubspots_number_of_an_event_does_not_tell_it_alone(services: Services) -> None:
    """They repeat: what else names it makes another delivery of it."""
    others = [{"propertyName": "phone"}, {"objectId": 7}, {"subscriptionId": 8}, {"occurredAt": 1795000000001}]
    body = orjson.dumps([HUBSPOT, *({**HUBSPOT, **other} for other in others), {**HUBSPOT, "attemptNumber": 3}])
    ids = [event.delivery_id for event in body_parser(services, "hubspot").report(body).events]
    assert len({*ids}) == 5
    assert ids[0] == ids[-1]


@pytest.mark.parametrize(
    ("modified", "moment"),
    [
        (b"2026-11-18T10:00:00", datetime(2026, 11, 18, 10, tzinfo=UTC)),  # without a zone it is UTC
        (b"2026-11-18T10:00:00+01:00", datetime(2026, 11, 18, 9, tzinfo=UTC)),
        (b"yesterday", NOW),
        (b"", NOW),
    ],
)
def test_when_salesforce_says_it_happened(services: Services, modified: bytes, moment: datetime) -> None:
    made = body_parser(services, "salesforce")
    changes, _ = made.changes(made.report(SALESFORCE.replace(b"2026-11-18T09:00:00.000Z", modified)), None, NOW)
    assert [change.occurred_at for change in changes] == [moment]


def test_newer_subscriptions_name_the_record_by_number(services: Services) -> None:
    body = orjson.dumps([{**HUBSPOT, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}])
    assert [event.attributes for event in body_parser(services, "hubspot").report(body).events] == [
        {"email": "jane@example.com"}
    ]


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
        ("hubspot", b"[" + b"{}," * 5_000 + b"{}]", "/0/subscriptionType"),
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
                b"</notifications>",
                b"<Notification><sObject/></Notification>" * (EVENT_LIMIT + 1) + b"</notifications>",
            ),
            "/Envelope/Body/notifications",
        ),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
def test_a_wrong_shape_is_told_with_its_place(services: Services, name: str, body: bytes, pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        body_parser(services, name).report(body)
    assert caught.value.pointer == pointer


VALUES = {
    "objects": b"[" + b"{}," * 300_000 + b"1]",
    "lists": b"[" + b"[]," * 300_000 + b"1]",
    "numbers": b"[" + b"1," * 450_000 + b"1]",
    "keys": b"{" + b",".join(b'"%x":1' % n for n in range(90_000)) + b"}",
    "texts": b"[" + b'"",' * 300_000 + b"1]",
    "open": b'["' + b'\\",' * 300_000,
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("name", [name for name in SAMPLE_VENDORS if name != "salesforce"])
def test_too_many_values_are_refused_before_they_are_made(services: Services, name: str, values: bytes) -> None:
    body = orjson.dumps({"id": 1}).replace(b"1", values)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match=r"more than 20,000 values|not JSON"):
            body_parser(services, name).report(body)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(body)  # made, they would be 60 times as much
    finally:
        tracemalloc.stop()


def test_commas_and_brackets_in_a_text_are_no_values(services: Services) -> None:
    text = """{"quoted \\", twice"},[""" * 20_000
    report = body_parser(services, "standard").report(orjson.dumps({**STANDARD, "data": {"id": "1", "notes": text}}))
    assert [event.attributes for event in report.events] == [{"notes": text}]


def test_as_many_custom_fields_as_a_contact_may_have(services: Services) -> None:
    wrong = orjson.dumps({**GHL, "customFields": [1] * (FIELD_LIMIT + 1)})
    with pytest.raises(Malformed, match="valid dictionary"):
        body_parser(services, "gohighlevel").report(wrong)
    many = orjson.dumps({**GHL, "customFields": [{"id": "a", "value": 1}] * (FIELD_LIMIT + 1)})
    with pytest.raises(Malformed, match="at most 1000 items"):
        body_parser(services, "gohighlevel").report(many)


@pytest.mark.parametrize(
    "inside",
    [b"<a/>" * 30_000, b"<a>1</a>" * 30_000, b"<a " + b" ".join(b'x%d="1"' % n for n in range(30_000)) + b"/>"],
    ids=["elements", "texts", "attributes"],
)
def test_too_many_elements_or_attributes_are_refused(services: Services, inside: bytes) -> None:
    with pytest.raises(Malformed, match="20,000 elements"):
        body_parser(services, "salesforce").report(SALESFORCE.replace(b"<sf:Company>", inside + b"<sf:Company>"))


def test_elements_nested_too_deep(services: Services) -> None:
    nested = SALESFORCE.replace(b"Example", b"<a>" * 5000 + b"</a>" * 5000)
    with pytest.raises(Malformed, match="levels"):
        body_parser(services, "salesforce").report(nested)


BOMB = b"""<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = b"""<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""
ELSEWHERE = b"""<!DOCTYPE b SYSTEM "http://127.0.0.1:1/b.dtd">"""


@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE, ELSEWHERE])
def test_xml_with_entities_is_refused_before_there_is_one(services: Services, doctype: bytes) -> None:
    declaration, _, rest = SALESFORCE.partition(b"\n")
    with pytest.raises(Malformed, match="document type"):
        body_parser(services, "salesforce").report(declaration + doctype + rest.replace(b"Example", b"&a;"))


def test_an_entity_that_nothing_declares_is_no_xml(services: Services) -> None:
    with pytest.raises(Malformed, match="not XML"):
        body_parser(services, "salesforce").report(SALESFORCE.replace(b"Example", b"&a;"))


@pytest.mark.parametrize("name", ["standard", "gohighlevel", "pipedrive", "zoho"])
def test_attributes_nested_too_deep(services: Services, name: str) -> None:
    made = body_parser(services, name)
    first = {"standard": b'"budget": ', "gohighlevel": b'"city": ', "pipedrive": b'"value": ', "zoho": b'"Email": '}[
        name
    ]
    deep = first + b'{"a":' * 300 + b"1" + b"}" * 300 + b', "was": '
    report = made.report(sequence(name)[0].replace(first, deep))
    with pytest.raises(Malformed, match="nested deeper"):
        made.changes(report, "d", NOW)


@pytest.mark.parametrize("name", [name for name in SAMPLE_VENDORS if name != "salesforce"])
def test_of_a_key_that_is_there_twice_the_last_counts(services: Services, name: str) -> None:
    body = sequence(name)[0]
    key = b'"objectId": ' if name == "hubspot" else b'"ids": ' if name == "zoho" else b'"id": '
    # In Pipedrive's the record's own, not that of the envelope.
    head, found, tail = body.rpartition(key) if name == "pipedrive" else body.partition(key)
    doubled = head + (b'"ids": ["another"], ' if name == "zoho" else key + b'"another", ') + found + tail
    made = body_parser(services, name)
    assert next(event.external_id for event in made.report(doubled).events) == expected(name)["external_id"]


def test_as_many_events_as_a_body_may_have(services: Services) -> None:
    made = body_parser(services, "hubspot")
    report = made.report(orjson.dumps([{**HUBSPOT, "objectId": n} for n in range(EVENT_LIMIT)]))
    changes, _ = made.changes(report, None, NOW)
    assert len({change.delivery_id for change in changes}) == EVENT_LIMIT


def test_one_event_out_of_bounds_spoils_no_other(services: Services) -> None:
    made = body_parser(services, "hubspot")
    deep = {**HUBSPOT, "propertyValue": [[[[[[[[[[1]]]]]]]]]]}
    changes, left_out = made.changes(made.report(orjson.dumps([deep, HUBSPOT, deep])), None, NOW)
    assert (len(changes), left_out) == (1, Counter({IgnoredReason.MALFORMED: 2}))


@pytest.mark.parametrize("name", [name for name in SAMPLE_VENDORS if name not in ("standard", "salesforce")])
def test_a_long_text_is_no_reason_to_lose_a_lead(services: Services, name: str) -> None:
    """Nobody at a vendor reads our answers; who writes Standard Webhooks for us does, and is told."""
    made = body_parser(services, name)
    long = (
        sequence(name)[1].replace(b'"Manager"', b'"%s"' % (b"x" * 20_000)).replace(b'"lake"', b'"%s"' % (b"x" * 20_000))
    )
    long = long.replace(b'"XYZ Corp"', b'"%s"' % (b"x" * 20_000))
    changes, _ = made.changes(made.report(long), None, NOW)
    assert max(len(str(value)) for change in changes for value in change.attributes.values()) == 10_000
