"""Published scores -> what has to be told of them, and to whom."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from pipeline.redis_store.change_stream import StreamEntry
from pipeline.settings.sources import Target
from pipeline.storage.outbound.outbound_work import WriteBackPayload
from schemas.event import EventKind

logger = logging.getLogger(__name__)

DECIMALS = 1  # of a score that is told: what changes less is no change


def write_back_payloads(
    entries: Iterable[StreamEntry], targets: Mapping[str, Collection[Target]]
) -> list[WriteBackPayload]:
    """`targets`: by source those who are told its scores."""
    found = []
    for entry in entries:
        event = orjson.loads(entry.event)
        if event["kind"] != EventKind.SCORE:
            continue
        lead = event["body"]
        try:
            found += [_payload(lead, target) for target in targets.get(lead["source"], ())]
        except (KeyError, TypeError, ValueError):
            logger.error("a published score cannot be told to anybody: it is not whole")
    return found


def _payload(lead: dict[str, Any], target: Target) -> WriteBackPayload:
    score = lead["score"]
    return WriteBackPayload(
        lead_id=int(lead["id"]),
        target=target,
        source=lead["source"],
        external_id=lead["external_id"],
        rev=score["rev"],
        score=round(score["score"], DECIMALS),
        tier=score["tier"],
        body=_body(lead) if target == "webhook" else None,
    )


def _body(lead: dict[str, Any]) -> str:
    """As the dashboards' viewers see it: what a factor saw is for those who see attributes."""
    factors = [
        {name: value for name, value in factor.items() if name != "value"} for factor in lead["score"]["factors"]
    ]
    told = {**lead, "score": {**lead["score"], "factors": factors}}
    event = {"type": "lead.scored", "timestamp": lead["score"]["updated_at"], "data": told}
    return orjson.dumps(event).decode()
