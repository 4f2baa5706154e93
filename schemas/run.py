"""Rescoring runs: which leads are scored again, by which model, and how far a run has come."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from schemas.frozen import Frozen
from schemas.moment import Moment
from schemas.score import Tier

# PostgreSQL's text holds no NUL.
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[tuple[Word, ...], Field(max_length=100)]
RunAction = Literal["pause", "resume", "cancel", "retry"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]


class RunState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


# A run in one of these may still change scores.
ACTIVE = (RunState.RUNNING, RunState.PAUSED)


class AttributeComparison(Frozen):
    """An attribute against a value: numbers as numbers, words in upper or lower case alike."""

    attribute: Word
    operator: Operator
    value: FiniteFloat | Word = Field(union_mode="left_to_right")


class LeadFilter(Frozen):
    """Leads that meet all of these conditions; empty ones do not count."""

    sources: Words = ()
    tiers: tuple[Tier, ...] = ()
    owners: Words = ()
    stages: Words = ()
    changed_before: Moment | None = Field(default=None, description="whose score is older than this")
    changed_since: Moment | None = Field(default=None, description="whose score is as young as this")
    other_model: bool = Field(default=False, description="whose score is of another model version than the run's")
    where: Annotated[tuple[AttributeComparison, ...], Field(max_length=20)] = ()

    def may_share_leads_with(self, other: "LeadFilter") -> bool:
        """False only if the two name different sources or owners; tiers do not count, because a run changes them."""
        kinds = ((self.sources, other.sources), (self.owners, other.owners))
        return all(not ours or not theirs or set(ours) & set(theirs) for ours, theirs in kinds)


class RunRequest(Frozen):
    """`rate`: leads a second at most. `force`: though the model's card says that it is not ready."""

    filter: LeadFilter = LeadFilter()
    model_version: Word | None = Field(default=None, description="null: the one in charge")
    rate: int | None = Field(default=None, ge=1, le=10_000_000)
    force: bool = False


class Run(Frozen):
    """`rev` rises with every change of the run; of two with one id the higher is the newer."""

    id: str
    state: RunState
    reason: str = Field(description="operator, schedule or sweep")
    actor: str
    filter: LeadFilter
    model_version: str
    as_of: datetime = Field(description="the one clock of the whole run")
    rate: int | None = Field(description="leads a second at most")
    created_at: datetime
    finished_at: datetime | None
    error: str | None = Field(description="why it failed, or what it stumbled over last")
    leads_total: int = Field(description="leads that met the filter when it began")
    leads_done: int
    leads_changed: int = Field(description="those whose score, rounded to 0.1, or whose tier differs")
    tiers_changed: int
    leads_per_second: float | None = Field(description="since it was begun or resumed")
    seconds_left: float | None
    rev: int


class RunPage(Frozen):
    """Runs, the newest first."""

    runs: tuple[Run, ...]


class TierMove(Frozen):
    before: Tier
    after: Tier
    leads: int


class DeltaBucket(Frozen):
    """Leads whose score would change by `low` points or more, and less than `high` (null: without bound)."""

    low: float | None
    high: float | None
    leads: int


class Preview(Frozen):
    """What a run would do; nothing was written."""

    model_version: str
    as_of: datetime
    leads: int
    leads_changed: int
    tiers_changed: int
    tier_moves: tuple[TierMove, ...] = Field(description="those that differ, the most frequent first")
    deltas: tuple[DeltaBucket, ...] = Field(description="of the leads that change, by rising difference")
