"""Parses GoHighLevel's webhooks: a whole contact, or an opportunity that belongs to one.

The contact is the lead. Fields of its opportunities (value, stage, won or lost) get the prefix `opportunity.`.
https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide
"""

from collections import Counter
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import CamelBody
from pipeline.vendors.parse_result import ExternalId, IgnoredReason, LeadEvent, WebhookReport, Word, digest
from schemas.moment import VendorMoment

CONTACTS = frozenset({"ContactCreate", "ContactUpdate", "ContactDndUpdate", "ContactTagUpdate"})
OPPORTUNITIES = frozenset(
    {
        "OpportunityCreate",
        "OpportunityUpdate",
        "OpportunityStageUpdate",
        "OpportunityStatusUpdate",
        "OpportunityMonetaryValueUpdate",
        "OpportunityAssignedToUpdate",
    }
)
DELETED = frozenset({"ContactDelete", "OpportunityDelete"})
FIELD_LIMIT = 1000  # custom fields of one contact
ENVELOPE = frozenset({"appId", "versionId", "companyId"})


class Kind(CamelBody):
    type: Word


class CustomField(CamelBody):
    id: Word
    value: object = None


class Contact(CamelBody):
    """A contact, or an opportunity of one."""

    model_config = ConfigDict(extra="allow")

    type: Word
    id: ExternalId
    location_id: ExternalId
    webhook_id: Word | None = None
    timestamp: VendorMoment  # without it, a body that is sent again years later could not be recognised
    custom_fields: Annotated[list[CustomField], Field(max_length=FIELD_LIMIT, fail_fast=True)] | None = None


class Opportunity(Contact):
    contact_id: ExternalId


KIND = TypeAdapter(Kind)
CONTACT = TypeAdapter(Contact)
OPPORTUNITY = TypeAdapter(Opportunity)


def read(body: bytes, _: str) -> WebhookReport:
    """Parses a body, which holds one contact or opportunity."""
    parsed = json_body.parse(body)
    kind = json_body.validated(KIND, parsed).type
    if kind in OPPORTUNITIES:
        opportunity = json_body.validated(OPPORTUNITY, parsed)
        event = _event(body, opportunity, opportunity.contact_id, {"opportunity": _attributes(opportunity)})
    elif kind in CONTACTS:
        contact = json_body.validated(CONTACT, parsed)
        event = _event(body, contact, contact.id, _attributes(contact))
    else:
        return WebhookReport([], Counter({IgnoredReason.DELETION if kind in DELETED else IgnoredReason.UNKNOWN: 1}))
    return WebhookReport([event], Counter())


def _event(body: bytes, contact: Contact, lead_id: str, attributes: dict[str, object]) -> LeadEvent:
    return LeadEvent(
        lead_id, contact.webhook_id or digest(body), contact.timestamp, attributes, "", contact.location_id
    )


def _attributes(contact: Contact) -> dict[str, object]:
    attributes: dict[str, object] = {
        name: value for name, value in (contact.__pydantic_extra__ or {}).items() if name not in ENVELOPE
    }
    # By the field's id: its place in the list may change.
    attributes.update((f"custom.{custom.id}", custom.value) for custom in contact.custom_fields or ())
    return attributes
