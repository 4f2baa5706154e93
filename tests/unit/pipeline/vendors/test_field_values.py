"""What fields with several values, with parts or with nothing become: one text that shrinks, an amount, or None."""

import orjson
import pytest

from pipeline.vendors.registry import VENDORS
from pipeline.vendors.zoho.field_value import field_value


def pipedrive(entity: str = "deal", **data: object) -> dict[str, object]:
    meta = {
        "version": "2.0", "action": "change", "entity": entity,
        "company_id": "8087", "timestamp": "2026-11-27T10:00:00Z", "id": "e1",
    }  # fmt: skip
    report = VENDORS["pipedrive"].read(orjson.dumps({"meta": meta, "data": {"id": 1, **data}}), entity)
    return report.events[0].attributes


def zoho(**values: object) -> dict[str, object]:
    body = {
        "module": "Leads", "operation": "update", "ids": ["1"], "server_time": 1795000000000,
        "affected_values": [{"record_id": "1", "values": values}],
    }  # fmt: skip
    return VENDORS["zoho"].read(orjson.dumps(body), "Leads").events[0].attributes


def hubspot(value: object) -> dict[str, object]:
    event = {
        "eventId": 1, "subscriptionId": 1, "portalId": 1, "objectId": 1, "occurredAt": 1795000000000,
        "subscriptionType": "contact.propertyChange", "propertyName": "interests", "propertyValue": value,
    }  # fmt: skip
    return VENDORS["hubspot"].read(orjson.dumps([event]), "contact").events[0].attributes


def gohighlevel(kind: str = "ContactUpdate", **fields: object) -> dict[str, object]:
    body = {"type": kind, "locationId": "l", "id": "g3", "timestamp": "2026-11-27T10:00:00Z", **fields}
    return VENDORS["gohighlevel"].read(orjson.dumps(body), "").events[0].attributes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"id": "f", "value": "a"}, "a"),
        ({"id": "f", "type": "string", "fieldValueString": "75000"}, "75000"),
        ({"id": "f", "fieldValue": "yes"}, "yes"),
        ({"id": "f", "field_value": "yes"}, "yes"),
        ({"id": "f", "fieldValueArray": ["a", "b"]}, ["a", "b"]),
        ({"id": "f", "fieldValueNumber": 0}, 0),
        ({"id": "f", "fieldValueDate": 1795000000000}, 1795000000000),
        ({"id": "f", "field_value_string": "s"}, "s"),
        ({"id": "f", "valueString": "s"}, "s"),
        ({"id": "f", "value": None, "fieldValue": "yes"}, "yes"),
        ({"id": "f", "fieldKey": "contact.f", "fieldValue": False}, False),
        ({"fieldId": "f", "value": "a"}, "a"),
        ({"customFieldId": "f", "value": "a"}, "a"),
        ({"id": "f", "value": None}, None),
        ({"id": "f"}, None),
    ],
)
@pytest.mark.parametrize("name", ["customFields", "custom_fields", "customField"])
def test_gohighlevels_custom_field_has_its_value_in_every_spelling(name: str, field: object, value: object) -> None:
    assert gohighlevel(**{name: [field]}) == {"custom.f": value}
    opportunity = gohighlevel("OpportunityUpdate", contactId="g1", **{name: [field]})
    assert opportunity == {"opportunity.custom.f": value}


@pytest.mark.parametrize(
    ("said", "attributes"),
    [
        ({"dnd": False, "dndSettings": {"Email": {"status": "permanent"}}}, {"dnd": True}),
        ({"dnd": False, "dndSettings": {"Email": {"status": "active"}}}, {"dnd": True}),
        ({"dnd": False, "dndSettings": {"Email": {"status": "inactive"}}}, {"dnd": False}),
        ({"dndSettings": {"Email": {"status": "inactive"}}}, {"dnd": False}),
        ({"dnd": True, "dndSettings": {"Email": {"status": "inactive"}}}, {"dnd": True}),
        ({"dnd": "true", "dndSettings": {"email": {"status": "inactive"}}}, {"dnd": "true"}),
        ({"dnd": False, "dndSettings": {"email": "Permanent"}}, {"dnd": True}),
        (
            {"dnd": False, "dndSettings": {"SMS": {"status": "active"}, "Call": {"status": "inactive"}}},
            {"dnd": False, "dnd_sms": True, "dnd_call": False},
        ),
        (
            {"dndSettings": {"WhatsApp": {"status": "active", "message": "by request"}}},
            {"dnd_whatsapp": True, "dndSettings": {"WhatsApp": {"message": "by request"}}},
        ),
        ({"dnd": True, "dndSettings": None}, {"dnd": True, "dndSettings": None}),
        ({"dndSettings": {"Email": None, "SMS": {}}}, {}),
    ],
)
def test_gohighlevels_do_not_disturb_is_the_opt_out(said: dict[str, object], attributes: object) -> None:
    assert gohighlevel(**said) == attributes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "set", "values": [{"id": 1}, {"id": 2}, {"id": 3}]}, "1, 2, 3"),
        ({"type": "set", "values": [{"id": 3}]}, "3"),
        ({"type": "set", "values": [{"id": 3, "label": "lake"}]}, "3"),
        ({"type": "set", "values": []}, None),
        ({"type": "set", "values": None}, None),
        (None, None),
        ([{"id": 1}, {"id": 2}], "1, 2"),
        ([4, 5], "4, 5"),
        ({"type": "enum", "id": 7}, 7),
        ({"type": "enum", "id": None}, None),
        ({"type": "varchar", "value": "lake"}, "lake"),
        ({"type": "varchar", "value": None}, None),
    ],
)
def test_pipedrives_custom_field_is_one_value(field: object, value: object) -> None:
    assert pipedrive(custom_fields={"a1": field}) == {"custom_fields.a1": value}


def test_pipedrives_custom_field_of_two_parts_keeps_both() -> None:
    fields = {
        "m": {"type": "monetary", "value": 5, "currency": "EUR"},
        "d": {"type": "daterange", "value": "2026-11-01", "until": "2026-12-01"},
    }
    assert pipedrive(custom_fields=fields) == {
        "custom_fields.m": 5,
        "custom_fields.m_currency": "EUR",
        "custom_fields.d": "2026-11-01",
        "custom_fields.d_until": "2026-12-01",
    }


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        ({"value": {"amount": 250000, "currency": "EUR"}}, {"value": 250000, "currency": "EUR"}),
        ({"value": {"amount": 0, "currency": "JPY"}}, {"value": 0, "currency": "JPY"}),
        ({"value": {"amount": None, "currency": None}}, {"value": None, "currency": None}),
        ({"value": None}, {"value": None, "currency": None}),
        ({"value": 1000, "currency": "USD"}, {"value": 1000, "currency": "USD"}),
        ({"value": {"of": "another shape"}}, {"value": {"of": "another shape"}}),
        ({"title": "no value"}, {"title": "no value"}),
    ],
)
def test_pipedrives_value_is_an_amount_with_its_currency(data: dict[str, object], attributes: object) -> None:
    assert pipedrive("lead", **data) == attributes


@pytest.mark.parametrize(
    ("value", "one"),
    [
        ({"id": "111", "name": "Ada"}, "111"),
        (None, None),
        (["red", "blue"], "red, blue"),
        (["red"], "red"),
        ([], None),
        ([{"id": "1", "name": "Ada"}, {"id": "2", "name": "Bob"}], "1, 2"),
        ([{"id": "9", "$has_more": False, "Products": {"id": "5", "name": "Lake"}}], "5"),
        ([{"id": "9", "Quantity": 2, "Product": {"id": "5"}}],) * 2,  # a subform has values of its own
    ],
)
def test_zohos_look_ups_and_choices_are_one_value(value: object, one: object) -> None:
    assert zoho(Products=value) == {"Products": one}
    assert field_value(value, "Products") == one  # as its API tells it


def test_zohos_tags_are_known_by_their_names() -> None:
    tags = [{"id": "1", "name": "Hot", "color_code": "#F00"}, {"id": "2", "name": "New"}]
    assert zoho(Tag=tags) == {"Tag": "Hot, New"}


@pytest.mark.parametrize("value", ["red;blue", "red", None])
def test_hubspots_choices_are_one_text_as_it_is(value: object) -> None:
    assert hubspot(value) == {"interests": value}


def test_what_hubspot_empties_is_gone() -> None:
    assert hubspot("") == {"interests": None}
