"""The score of a lead, and its parts."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

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


class TermMove(Frozen):
    """A term of the sum that two scores of one lead do not share."""

    attribute: str
    before: str | None = Field(description="its label then; null if that model had no such term")
    after: str | None = Field(description="its label now; null if this model has no such term")
    points: float = Field(description="what it gave or took since")


class WhatIfInput(Frozen):
    """One feature of a lead that the model reads, and the values that can be tried."""

    attribute: str = Field(description="the name to send as an attribute to score-lead")
    label: str
    kind: Literal["number", "days", "word"] = Field(description="`days` since a moment: send the moment itself")
    value: float | str | None = Field(description="as the lead has it; null if nobody told")
    low: float = 0
    high: float = 0
    words: tuple[str, ...] = Field(default=(), description="of words that count alike, one")


class ScoreRow(NamedTuple):
    """A score on its way to the tables. A tuple, because a worker makes tens of thousands a second.

    `factors` and `bins` are packed by `pipeline.scoring.explain`, `vector` is float32 bytes, `body` the JSON text of
    the event that will be published.
    """

    lead_id: int
    lead_revision: int
    score: float
    confidence: float
    tier: str
    factors: bytes
    bins: bytes
    vector: bytes
    owner: str | None
    body: str
