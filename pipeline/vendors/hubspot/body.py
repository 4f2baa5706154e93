"""Parses HubSpot's webhooks: a list of events, each with an object's id and at most one changed property.

So a lead's attributes build up event by event. https://developers.hubspot.com/docs/api/webhooks
"""

from collections import Counter
from typing import Annotated

from pydantic import Field, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import CamelBody
from pipeline.vendors.parse_result import (
    EVENT_LIMIT,
    ExternalId,
    IgnoredReason,
    LeadEvent,
    WebhookReport,
    Word,
    digest,
    why_ignored,
)
from schemas.moment import VendorMoment

# Newer subscriptions send `object.propertyChange` and the kind of object as a number.
OBJECT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-136": "lead"}
ERASURE = "privacyDeletion"
CHANGES = frozenset({"creation", "propertyChange", ERASURE})
DELETIONS = {"deletion": IgnoredReason.DELETION}


class Kind(CamelBody):
    subscription_type: Word
    object_type_id: str | None = None


class Change(CamelBody):
    event_id: ExternalId
    subscription_id: ExternalId
    portal_id: ExternalId
    object_id: ExternalId
    occurred_at: VendorMoment  # milliseconds
    property_name: Word | None = None
    property_value: object = None


# Events of other kinds may have another shape: an association has two objects.
KINDS = TypeAdapter(Annotated[list[Kind], Field(max_length=EVENT_LIMIT, fail_fast=True)])
CHANGE = TypeAdapter(Change)


def read(body: bytes, wanted: str) -> WebhookReport:
    """Parses a body. `wanted`: contact, company, deal, ticket or lead."""
    parsed = json_body.parse(body)
    events: list[LeadEvent] = []
    ignored: Counter[IgnoredReason] = Counter()
    kinds = json_body.validated(KINDS, parsed)
    for number, kind in enumerate(kinds):
        reason = _ignored(kind, wanted)
        if reason is None:
            event = _event(parsed[number], f"/{number}")
            erases = kind.subscription_type.endswith(ERASURE)
            events.append(event._replace(attributes={}, forgets=True) if erases else event)
        else:
            ignored[reason] += 1
    return WebhookReport(events, ignored)


def _ignored(kind: Kind, wanted: str) -> IgnoredReason | None:
    record, _, change = kind.subscription_type.partition(".")
    if record == "object":
        record = OBJECT_TYPES.get(kind.object_type_id or "", record)
    return why_ignored(record, change, wanted=wanted, changes=CHANGES, deletions=DELETIONS)


def _event(parsed: object, pointer: str) -> LeadEvent:
    change = json_body.validated(CHANGE, parsed, pointer)
    # A repeated delivery has another attemptNumber, but these stay the same.
    delivery_id = digest(
        change.event_id, change.subscription_id, change.object_id, change.property_name, change.occurred_at
    )
    # An empty text is how HubSpot tells that somebody emptied the property.
    value = None if change.property_value == "" else change.property_value
    attributes = {change.property_name: value} if change.property_name else {}
    return LeadEvent(change.object_id, delivery_id, change.occurred_at, attributes, pointer, change.portal_id)
