"""Request and response bodies of the HTTP API that are not a lead, a score or an event."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from schemas.event import Position
from schemas.frozen import Frozen
from schemas.lead import Outcome, ScoredLead, ScoreHistoryEntry
from schemas.score import Value, WhatIfInput


class Problem(Frozen):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    pointer: str | None = Field(default=None, description="where in the body the fault is, as a JSON pointer")


class ScoreLeadRequest(Frozen):
    """The id of a saved lead, attributes to try out, or both: that lead with these attributes changed.

    A try is never saved.
    """

    # Which the types cannot say: one of the two must be there.
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["lead_id"], "properties": {"lead_id": {"type": "string"}}},
                {"required": ["attributes"], "properties": {"attributes": {"type": "object"}}},
            ]
        }
    )

    lead_id: str | None = Field(default=None, pattern=r"^\d{1,18}$")
    attributes: dict[str, JsonValue] | None = Field(default=None, description="as a webhook would bring them")


class LeadPage(Frozen):
    """`position` was read before the rows: subscribe to the feed from there and nothing is missed."""

    leads: tuple[ScoredLead, ...]
    total: int
    next_cursor: str | None
    position: Position | None = Field(description="null while the feed is away")


class ScoreHistory(Frozen):
    scores: tuple[ScoreHistoryEntry, ...]


class TimelineDelivery(Frozen):
    """What one delivery added to a lead."""

    at: datetime = Field(description="when it happened at the vendor")
    received_at: datetime
    attributes: dict[str, Value] | None = Field(description="null for roles that do not see attributes")
    attribute_count: int
    contact_count: int = Field(description="how many personal details; they are sealed")
    stage: str | None
    owner: str | None
    outcome: Outcome | None


class LeadTimeline(Frozen):
    """The deliveries of a lead, the newest first. `received_at`: when the lead was first received."""

    deliveries: tuple[TimelineDelivery, ...]
    received_at: datetime


class WhatIfInputs(Frozen):
    levers: tuple[WhatIfInput, ...]


class Choices(Frozen):
    """The values that the reader's leads can be filtered by, the most frequent first."""

    sources: tuple[str, ...]
    owners: tuple[str, ...]
    stages: tuple[str, ...]


class ContactLookup(Frozen):
    contact: str = Field(min_length=5, max_length=320, description="an e-mail address or a telephone number, whole")


class HealthCheck(Frozen):
    name: str
    ok: bool
    detail: str


class Health(Frozen):
    status: Literal["ok", "degraded", "down"]
    checks: tuple[HealthCheck, ...] = Field(description="empty for those who ask without a token")
    at: datetime
