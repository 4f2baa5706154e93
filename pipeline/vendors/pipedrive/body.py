"""Parses Pipedrive's webhooks v2: one record, now and before. https://pipedrive.readme.io/docs/guide-for-webhooks-v2"""

from collections import Counter
from typing import Literal

from pydantic import ConfigDict, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import Body, plain
from pipeline.vendors.parse_result import ExternalId, IgnoredReason, LeadEvent, WebhookReport, Word, digest, why_ignored
from schemas.moment import VendorMoment

CHANGES = frozenset({"create", "change"})
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
    # A custom field is `{type, value}`, or `{type, id}` where it is a choice.
    custom = {
        f"custom_fields.{key}": plain(value, "value", "id") for key, value in (record.custom_fields or {}).items()
    }
    return {**(record.__pydantic_extra__ or {}), **custom}
