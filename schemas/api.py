"""Request and response bodies of the HTTP API that are not a lead, a score or an event."""

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from schemas.event import Position
from schemas.frozen import Frozen
from schemas.lead import ScoredLead, ScoreHistoryEntry


class Problem(Frozen):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    pointer: str | None = Field(default=None, description="where in the body the fault is, as a JSON pointer")


class ScoreLeadRequest(Frozen):
    """Either the id of a saved lead, or attributes to try out; a try is never saved."""

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


class Check(Frozen):
    name: str
    ok: bool
    detail: str


class Health(Frozen):
    status: Literal["ok", "degraded", "down"]
    checks: tuple[Check, ...]
    at: datetime
