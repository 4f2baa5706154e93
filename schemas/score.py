"""The score of a lead, and what each part of it says."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from schemas.frozen import Frozen

Value = str | int | float | bool | None


class Tier(StrEnum):
    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Engine(StrEnum):
    SCORECARD = "scorecard"
    GLASSBOX = "glassbox"
    CLAUDE = "claude"


class Factor(Frozen):
    """One term of the sum: what was seen, and the points that it gave or took."""

    attribute: str
    label: str
    points: float
    value: Value = Field(default=None, description="only for roles that see attributes")


class LeadScore(Frozen):
    """`rev` rises by one with every write of this lead's score; 0 means that it was not saved (what-if)."""

    lead_id: str
    score: float = Field(ge=0, le=100)
    confidence: float = Field(ge=0, le=1)
    tier: Tier
    explanation: str
    base: float = Field(description="points that every lead starts with")
    factors: tuple[Factor, ...] = Field(description="the strongest terms, largest first")
    others: float = Field(description="all other terms and the clip to 0–100; base + factors + others = score")
    engine: Engine
    model_version: str
    lead_revision: int = Field(ge=0)
    rev: int = Field(ge=0)
    updated_at: datetime


class ScoreRow(NamedTuple):
    """A score on its way to the tables. A tuple, because a worker makes tens of thousands a second.

    `factors` is packed by `pipeline.scoring.explain`, `vector` is float32 bytes, `body` the JSON text of the event
    that will be published.
    """

    lead_id: int
    lead_revision: int
    score: float
    confidence: float
    tier: str
    factors: bytes
    vector: bytes
    owner: str | None
    body: str
