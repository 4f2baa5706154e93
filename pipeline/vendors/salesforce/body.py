"""Parses Salesforce's outbound messages: SOAP with up to 100 notifications, each a record with the chosen fields.

They may come twice and out of order. `SystemModstamp` (or `LastModifiedDate`) among the fields says which is newer.
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm
"""

from collections import Counter
from datetime import UTC, datetime

from pydantic import TypeAdapter

from pipeline.vendors import json_body, xml_body
from pipeline.vendors.parse_result import (
    EVENT_LIMIT,
    ExternalId,
    IgnoredReason,
    LeadEvent,
    UnreadableBody,
    WebhookReport,
    Word,
)
from pipeline.vendors.xml_body import Element
from schemas.moment import nearest_in_utc

EXTERNAL_ID = TypeAdapter(ExternalId)
WORD = TypeAdapter(Word)
MODIFIED = ("SystemModstamp", "LastModifiedDate")  # the first also counts what no person did
NOTIFICATIONS = "/Envelope/Body/notifications"


def read(body: bytes, wanted: str) -> WebhookReport:
    """Parses a message. `wanted`: the sObject, such as `Lead`."""
    envelope = xml_body.parse(body)
    if envelope.name != "Envelope":
        raise UnreadableBody("not a SOAP envelope")
    message = envelope.child("Body").child("notifications")
    organisation = _text(WORD, message, "OrganizationId", NOTIFICATIONS)
    notifications = list(message.all("Notification"))
    if len(notifications) > EVENT_LIMIT:
        raise UnreadableBody(f"more than {EVENT_LIMIT} notifications", NOTIFICATIONS)
    events: list[LeadEvent] = []
    ignored: Counter[IgnoredReason] = Counter()
    for number, notification in enumerate(notifications):
        record = notification.child("sObject")
        reason = _ignored(record, wanted)
        if reason is None:
            events.append(_event(organisation, notification, record, f"{NOTIFICATIONS}/Notification/{number}"))
        else:
            ignored[reason] += 1
    return WebhookReport(events, ignored)


def _ignored(record: Element, wanted: str) -> IgnoredReason | None:
    if record.attributes.get("type", "").rpartition(":")[2] != wanted:
        return IgnoredReason.OTHER_RECORD
    if any(field.text == "true" for field in record.all("IsDeleted")):
        return IgnoredReason.DELETION
    return None


def _event(organisation: str, notification: Element, record: Element, pointer: str) -> LeadEvent:
    return LeadEvent(
        external_id=_text(EXTERNAL_ID, record, "Id", f"{pointer}/sObject"),
        delivery_id=_text(WORD, notification, "Id", pointer),
        occurred_at=next((moment for name in MODIFIED for moment in map(_moment, record.all(name)) if moment), None),
        attributes={field.name: _value(field) for field in record.children if field.name not in ("Id", *MODIFIED)},
        pointer=f"{pointer}/sObject",
        account=organisation,
    )


def _value(field: Element) -> object:
    """The value of a field; the parts of a compound field, such as an address, become an object."""
    if field.attributes.get("nil") in ("true", "1"):
        return None
    return {part.name: _value(part) for part in field.children} if field.children else field.text


def _moment(field: Element) -> datetime | None:
    try:
        moment = datetime.fromisoformat(field.text.strip())
    except ValueError:
        return None
    return nearest_in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _text(kind: TypeAdapter[str], parent: Element, name: str, pointer: str) -> str:
    try:
        return json_body.validated(kind, parent.child(name).text.strip())
    except UnreadableBody as error:
        raise UnreadableBody(str(error), f"{pointer}/{name}") from None
