"""Leads, and changes to them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from pydantic import Field

from schemas.frozen import Frozen
from schemas.score import LeadScore, TermMove, Value


class Outcome(StrEnum):
    WON = "won"
    LOST = "lost"


OPEN = "open"  # sent in place of an outcome: it is taken back
REMOVED = ""  # sent in place of a stage or an owner: there is none any more
NOTHING_RAW: Mapping[str, Value] = MappingProxyType({})


class LeadChange(NamedTuple):
    """What one delivery says about one lead. A tuple, because intake makes thousands a second.

    `attributes` hold no personal data; that is in `contacts` only. A missing key is no deletion, None is one, of an
    attribute as well as of a contact detail. `objects`: names that held an object or a list, of which only what stands
    in `attributes` and `contacts` is left. `raw`: values as they were told, where reading changed them. `doubts`:
    attributes whose value may not be what was meant, and why. `forgets`: the vendor was asked to erase the person, and
    all that was known about the person until then is deleted.
    """

    source: str
    external_id: str
    delivery_id: str
    occurred_at: datetime
    attributes: dict[str, Value]
    contacts: dict[str, Value]
    stage: str | None = None
    owner: str | None = None
    outcome: str | None = None
    forgets: bool = False
    objects: frozenset[str] = frozenset()
    raw: Mapping[str, Value] = NOTHING_RAW
    doubts: tuple[tuple[str, str], ...] = ()


class UnscoredLead(NamedTuple):
    """A lead whose newest revision has no score yet, as the scorer needs it."""

    id: int
    source: str
    external_id: str
    revision: int
    attributes: dict[str, Value]
    stage: str | None
    owner: str | None
    outcome: str | None
    active_at: datetime


class ScoredLead(Frozen):
    """A lead with its score, as lists and the live feed show it: no attributes, no personal data."""

    id: str
    source: str
    external_id: str = Field(description="a pseudonym where the vendor's id looks like an e-mail or a phone number")
    stage: str | None
    owner: str | None
    outcome: Outcome | None
    active_at: datetime = Field(description="when the newest change happened at the vendor")
    previous_score: float | None = Field(description="the score before this one")
    score: LeadScore


class LeadDetail(ScoredLead):
    attributes: dict[str, Value] | None = Field(description="null for roles that do not see attributes")
    received_at: datetime


class ScoreHistoryEntry(Frozen):
    score: float
    confidence: float
    tier: str
    engine: str
    model_version: str
    lead_revision: int
    rev: int
    reason: str
    at: datetime
    moves: tuple[TermMove, ...] | None = Field(
        description="the terms that moved since the score before, the largest first; null where that is not known"
    )
