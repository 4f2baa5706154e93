"""Parses a lead in a Standard Webhook (https://www.standardwebhooks.com): `{type, timestamp, data{id, …}}`."""

from collections import Counter

from pydantic import ConfigDict, TypeAdapter

from pipeline.vendors import json_body
from pipeline.vendors.json_body import Body
from pipeline.vendors.parse_result import ExternalId, LeadEvent, WebhookReport, Word
from schemas.moment import VendorMoment


class Data(Body):
    """`id`, and any attribute beside it."""

    model_config = ConfigDict(extra="allow")

    id: ExternalId


class Delivery(Body):
    type: Word
    timestamp: VendorMoment
    data: Data


DELIVERY = TypeAdapter(Delivery)


def read(body: bytes, _: str) -> WebhookReport:
    """Parses a body, which holds one lead; the delivery's id is in the headers."""
    delivery = json_body.validated(DELIVERY, json_body.parse(body))
    attributes = delivery.data.__pydantic_extra__ or {}
    return WebhookReport([LeadEvent(delivery.data.id, None, delivery.timestamp, attributes, "/data")], Counter())
