"""Parses Pipedrive's webhooks v2: one record, now and before. https://pipedrive.readme.io/docs/guide-for-webhooks-v2"""

from collections import Counter
from typing import Literal

from pydantic import ConfigDict, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import Body, listed, plain
from pipeline.vendors.parse_result import ExternalId, IgnoredReason, LeadEvent, WebhookReport, Word, digest, why_ignored
from schemas.moment import VendorMoment

CHANGES = frozenset({"create", "change"})
RANGES = frozenset({"daterange", "timerange"})
DELETIONS = {"delete": IgnoredReason.DELETION}


class Kind(Body):
    version: Literal["2.0"]
    action: Word
    entity: Word


class Announcement(Body):
    meta: Kind


class Meta(Body):
    company_id: ExternalId
    timestamp: VendorMoment
    id: Word | None = None


class Record(Body):
    """The deal or person itself."""

    model_config = ConfigDict(extra="allow")

    id: ExternalId
    custom_fields: dict[str, object] | None = None


class Delivery(Body):
    meta: Meta
    data: Record


ANNOUNCEMENT = TypeAdapter(Announcement)
DELIVERY = TypeAdapter(Delivery)


def read(body: bytes, wanted: str) -> WebhookReport:
    """Parses a body, which holds one record. `wanted`: deal, person or lead."""
    parsed = json_body.parse(body)
    kind = json_body.validated(ANNOUNCEMENT, parsed).meta
    reason = why_ignored(kind.entity, kind.action, wanted=wanted, changes=CHANGES, deletions=DELETIONS)
    if reason is not None:
        return WebhookReport([], Counter({reason: 1}))
    delivery = json_body.validated(DELIVERY, parsed)
    meta, record = delivery.meta, delivery.data
    # A repeated delivery has the same id.
    delivery_id = meta.id or digest(body)
    return WebhookReport(
        [LeadEvent(record.id, delivery_id, meta.timestamp, _attributes(record), "/data", meta.company_id)], Counter()
    )


def _attributes(record: Record) -> dict[str, object]:
    attributes = dict(record.__pydantic_extra__ or {})
    if "value" in attributes and "currency" not in attributes:  # of a lead; a deal has both beside each other
        attributes |= _money("value", "currency", attributes["value"])
    for key, field in (record.custom_fields or {}).items():
        attributes |= _custom(f"custom_fields.{key}", field)
    return attributes


def _custom(name: str, field: object) -> dict[str, object]:
    """A custom field: `{type, value}`, `{type, id}` where it is a choice, `{type, values}` where it is several."""
    if isinstance(field, list):
        return {name: listed(field, "id")}
    if not isinstance(field, dict):
        return {name: field}
    if isinstance(field.get("values", ""), list | None):
        return {name: listed(field["values"] or [], "id")}
    if field.get("type") == "monetary":
        return _money(name, f"{name}_currency", field)
    if str(field.get("type")) in RANGES:
        return {name: field.get("value"), f"{name}_until": field.get("until")}
    return {name: plain(field, "value", "id")}


def _money(name: str, currency: str, value: object) -> dict[str, object]:
    """An amount and its currency; both are gone where there is none."""
    if isinstance(value, dict) and not value.keys() & {"amount", "value"}:
        return {name: value}
    return {name: plain(value, "amount", "value"), currency: value.get("currency") if isinstance(value, dict) else None}
