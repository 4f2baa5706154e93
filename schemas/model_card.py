"""The card of a model version: what it was trained on, how good it is, and whether to trust it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schemas.frozen import Frozen
from schemas.score import Tier


class Readiness(StrEnum):
    READY = "ready"
    FAIR = "fair"
    NOT_READY = "not ready"


class LeftOut(Frozen):
    attribute: str
    reason: str


class Leak(Frozen):
    """An attribute that reveals the outcome by itself, so that it must have been written after it."""

    attribute: str
    roc_auc: float


class Window(Frozen):
    """Leads by time, `since` and `until` inclusive."""

    leads: int
    won: int
    since: datetime
    until: datetime
    imported: int = Field(default=0, description="came with their outcome: their attributes may be younger than it")


class Bucket(Frozen):
    """Leads whose score lies in one tenth of the scale: what was promised of them, and what came."""

    leads: int
    promised: float = Field(description="mean score, as a share")
    came: float = Field(description="share that was won")


class LiftPoint(Frozen):
    """How much more often than all leads the `share` with the best scores was won."""

    share: float
    lift: float = Field(description="as a multiple of the share of all tested leads")


class TierOutcome(Frozen):
    tier: Tier
    won: int
    lost: int


class Quality(Frozen):
    """Measured on leads that are newer than all that the model has seen."""

    roc_auc: float
    roc_auc_low: float = Field(description="95 of 100 such tests would find at least this (bootstrap)")
    pr_auc: float
    brier: float
    log_loss: float
    calibration_error: float = Field(description="expected, over ten buckets")
    lift_at_tenth: float = Field(
        description="share of the best tenth that was won, as a multiple of the share of all tested leads"
    )
    won_share: float | None = Field(
        default=None, description="share of the tested leads that was won; null on cards older than it"
    )
    won_share_at_tenth: float | None = Field(
        default=None, description="the same among the tenth with the best scores; null on cards older than it"
    )
    lift: tuple[LiftPoint, ...] = Field(default=(), description="the whole curve; empty on cards older than it")
    calibration: tuple[Bucket, ...]
    tiers: tuple[TierOutcome, ...]


class Segment(Frozen):
    """One value of an attribute. `selected`: share with tier A or B. `roc_auc` is null where one outcome is rare."""

    attribute: str
    value: str
    leads: int
    won: int
    roc_auc: float | None
    selected: float


class TermImportance(Frozen):
    attribute: str
    logits: float = Field(description="what it gives or takes on average")


class ModelCard(Frozen):
    method: str
    trained_on: Window
    sampled: int | None = Field(description="leads that were drawn from the window, where it had too many")
    tested_on: Window
    test_sampled: int | None = Field(default=None, description="as `sampled`, of the leads that it was tested on")
    base_rate: float = Field(description="share of both windows together that was won, not of the tested leads only")
    quality: Quality
    segments: tuple[Segment, ...]
    importances: tuple[TermImportance, ...]
    left_out: tuple[LeftOut, ...]
    leaks: tuple[Leak, ...]
    readiness: Readiness
    reasons: tuple[str, ...]
