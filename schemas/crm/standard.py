"""A lead as Standard Webhooks bring it (https://www.standardwebhooks.com): `{type, timestamp, data{id, …}}`."""

from collections import Counter

from pydantic import AwareDatetime, ConfigDict, TypeAdapter

from schemas.crm import json_body
from schemas.crm.json_body import Body
from schemas.crm.report import Event, ExternalId, Report, Word


class Data(Body):
    """`id`, and any attribute beside it."""

    model_config = ConfigDict(extra="allow")

    id: ExternalId


class Delivery(Body):
    type: Word
    timestamp: AwareDatetime
    data: Data


DELIVERY = TypeAdapter(Delivery)


def read(body: bytes, _: str) -> Report:
    """One lead a body; its delivery's id is in the headers."""
    told = json_body.validated(DELIVERY, json_body.parse(body))
    attributes = told.data.__pydantic_extra__ or {}
    return Report([Event(told.data.id, None, told.timestamp, attributes, "/data")], Counter())
