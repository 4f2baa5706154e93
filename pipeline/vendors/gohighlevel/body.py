"""Parses GoHighLevel's webhooks: a whole contact, or an opportunity that belongs to one.

The contact is the lead. Fields of its opportunities (value, stage, won or lost) get the prefix `opportunity.`; which of
several opportunities the lead follows is decided where the change is merged.
https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide
"""

import re
from collections import Counter
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import Body, CamelBody
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
VALUE = re.compile("(?:field_?)?value", re.IGNORECASE)
OPTED_OUT = frozenset({"active", "permanent"})  # of a channel's do-not-disturb; "inactive" is none
BY_MAIL = "email"
ENVELOPE = frozenset({"appId", "versionId", "companyId"})


class Kind(CamelBody):
    type: Word


class CustomField(Body):
    """One field of a contact or opportunity; its value comes under another name from event to event."""

    model_config = ConfigDict(extra="allow")

    id: Word = Field(validation_alias=AliasChoices("id", "fieldId", "field_id", "customFieldId", "custom_field_id"))

    @property
    def value(self) -> object:
        """The first value told: as `value`, `fieldValue`, `field_value`, `fieldValueString`, `fieldValueArray` …"""
        told = (value for name, value in (self.__pydantic_extra__ or {}).items() if VALUE.match(name))
        return next((value for value in told if value is not None), None)


class Contact(CamelBody):
    """A contact, or an opportunity of one."""

    model_config = ConfigDict(extra="allow")

    type: Word
    id: ExternalId
    location_id: ExternalId
    webhook_id: Word | None = None
    timestamp: VendorMoment  # without it, a body that is sent again years later could not be recognised
    custom_fields: Annotated[
        list[CustomField] | None,
        Field(
            max_length=FIELD_LIMIT,
            fail_fast=True,
            validation_alias=AliasChoices("customFields", "custom_fields", "customField", "custom_field"),
        ),
    ] = None


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
        attributes = {f"opportunity.{name}": value for name, value in _attributes(opportunity).items()}
        event = _event(body, opportunity, opportunity.contact_id, attributes)._replace(opportunity=opportunity.id)
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
    settings = attributes.get("dndSettings")
    if isinstance(settings, dict):
        del attributes["dndSettings"]
        attributes |= _opt_outs(settings, attributes.get("dnd"))
    return attributes


def _opt_outs(channels: dict[str, object], everywhere: object) -> dict[str, object]:
    """`dnd`: whether the person may not be written to by e-mail, or at all; `dnd_<channel>` for each other channel.

    What else a channel says, such as who set it and why, is kept as it is.
    """
    opted_out = {name: status in OPTED_OUT for name, status in map(_status, channels.items()) if status is not None}
    by_mail = opted_out.pop(BY_MAIL, None)
    rest = {name: _without_status(channel) for name, channel in channels.items()}
    attributes: dict[str, object] = {f"dnd_{name}": is_out for name, is_out in opted_out.items()}
    if any(rest.values()):
        attributes["dndSettings"] = {name: channel for name, channel in rest.items() if channel}
    if by_mail is not None and str(everywhere).casefold() != "true":
        attributes["dnd"] = by_mail
    return attributes


def _status(told: tuple[str, object]) -> tuple[str, str | None]:
    name, channel = told
    status = channel.get("status") if isinstance(channel, dict) else channel
    return name.casefold(), status.casefold() if isinstance(status, str) else None


def _without_status(channel: object) -> object:
    return {name: value for name, value in channel.items() if name != "status"} if isinstance(channel, dict) else None
