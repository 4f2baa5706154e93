"""How three vendors tell a change of a lead: the body that each posts, and what the lead should then say.

The expectations are written down here by hand and not taken from the product's own parsers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

from schemas.score import Value

MARK = "mark_"  # an attribute that no other delivery writes: whether it is there tells whether the delivery is
STAGES = ("new", "contacted", "qualified", "proposal")
PROPERTY_OF = {"visits": "hs_analytics_num_visits", "company_size": "numemployees", "email_opens": "hs_email_open"}


@dataclass(frozen=True)
class Change:
    """What one delivery says of one lead, as the lead should show it; `number` names the delivery."""

    source: str
    external_id: str
    number: int
    at: datetime
    attributes: dict[str, Value]
    stage: str | None = None
    contacts: dict[str, Value] | None = None

    @property
    def mark(self) -> str:
        return f"{MARK}{self.number}"

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id


@dataclass(frozen=True)
class Message:
    """What a vendor posts, as often as it takes; its bytes are the same each time."""

    source: str
    body: bytes
    changes: Sequence[Change]


Dialect = Callable[[Random, int, int, datetime], Message]


def _some(chance: Random, values: dict[str, Value]) -> dict[str, Value]:
    """At least one of them: vendors send what changed."""
    names = chance.sample(list(values), chance.randint(1, len(values)))
    return {name: values[name] for name in names}


def standard(chance: Random, lead: int, number: int, at: datetime) -> Message:
    told = _some(
        chance,
        {
            "budget": chance.randint(1, 900) * 1000,
            "visits": chance.randint(0, 20),
            "meetings": chance.randint(0, 4),
            "timeline_days": chance.randint(5, 300),
            "lead_source": chance.choice(("referral", "webinar", "website", "cold call")),
        },
    )
    stage = chance.choice(STAGES) if chance.random() < 0.3 else None
    contacts: dict[str, Value] = {"email": f"person{number}@example.com"} if chance.random() < 0.2 else {}
    change = Change("standard", f"lead-{lead}", number, at, {**told, f"{MARK}{number}": number}, stage, contacts)
    data = {"id": change.external_id, **change.attributes, **contacts, **({"stage": stage} if stage else {})}
    body = {"type": "lead.updated", "timestamp": at.isoformat(), "data": data}
    return Message("standard", json.dumps(body).encode(), [change])


def pipedrive(chance: Random, lead: int, number: int, at: datetime) -> Message:
    budget, stage = chance.randint(1, 900) * 1000, str(chance.randint(1, 6))
    mark: dict[str, Value] = {f"{MARK}{number}": number}
    change = Change("pipedrive", str(lead), number, at, {"budget": budget, **mark}, stage)
    body = {
        "meta": {
            "action": "change",
            "entity": "deal",
            "version": "2.0",
            "company_id": "1",
            "id": str(UUID(int=number)),
            "timestamp": at.isoformat(),
        },
        "data": {"id": lead, "value": budget, "stage_id": int(stage), **mark},
        "previous": {},
    }
    return Message("pipedrive", json.dumps(body).encode(), [change])


def hubspot(chance: Random, lead: int, number: int, at: datetime) -> Message:
    """An event a property; everything is text, and the times are milliseconds."""
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    counts = _some(chance, {name: chance.randint(0, 20) for name in PROPERTY_OF})
    stage = chance.choice(("lead", "opportunity", "salesqualifiedlead")) if chance.random() < 0.3 else None
    mark = f"{MARK}{number}"
    change = Change("hubspot", str(lead), number, at, {**counts, mark: str(number)}, stage)
    told = {mark: str(number), **{PROPERTY_OF[name]: str(value) for name, value in counts.items()}}
    properties = {**told, "lifecyclestage": stage} if stage else told
    events = [
        {
            "eventId": number * 10 + place,
            "subscriptionId": 1,
            "portalId": 1,
            "objectId": lead,
            "occurredAt": round(at.timestamp() * 1000),
            "subscriptionType": "contact.propertyChange",
            "propertyName": name,
            "propertyValue": value,
        }
        for place, (name, value) in enumerate(properties.items())
    ]
    return Message("hubspot", json.dumps(events).encode(), [change])


DIALECTS: dict[str, Dialect] = {"standard": standard, "pipedrive": pipedrive, "hubspot": hubspot}
