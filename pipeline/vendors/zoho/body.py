"""Parses Zoho CRM's notifications: ids of records, and with `return_affected_field_values` what changed in them.

https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html
"""

from collections import Counter
from typing import Annotated

from pydantic import Field, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import Body
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
from pipeline.vendors.zoho.field_value import field_value
from schemas.moment import VendorMoment

CHANGES = frozenset({"insert", "update"})
DELETIONS = {"delete": IgnoredReason.DELETION}


class Affected(Body):
    record_id: ExternalId
    values: dict[str, object]


class Notification(Body):
    server_time: VendorMoment  # milliseconds
    module: Word
    operation: Word
    ids: Annotated[list[ExternalId], Field(max_length=EVENT_LIMIT, fail_fast=True)]
    affected_values: Annotated[list[Affected], Field(max_length=EVENT_LIMIT, fail_fast=True)] | None = None


NOTIFICATION = TypeAdapter(Notification)


def read(body: bytes, wanted: str) -> WebhookReport:
    """Parses a notification. `wanted`: the module, such as `Leads`. A record without values is still a lead."""
    notification = json_body.validated(NOTIFICATION, json_body.parse(body))
    affected = notification.affected_values or []
    records = dict.fromkeys((*notification.ids, *(record_values.record_id for record_values in affected)))
    reason = why_ignored(
        notification.module, notification.operation, wanted=wanted, changes=CHANGES, deletions=DELETIONS
    )
    if reason is not None:
        return WebhookReport([], Counter({reason: len(records)}))
    values: dict[str, dict[str, object]] = {record: {} for record in records}
    for record_values in affected:
        values[record_values.record_id].update(
            (name, field_value(value, name)) for name, value in record_values.values.items()
        )
    whole = digest(body)
    events = [
        LeadEvent(record, digest(whole, record), notification.server_time, said, "/affected_values")
        for record, said in values.items()
    ]
    return WebhookReport(events, Counter())
