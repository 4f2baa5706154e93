"""Requested trainings: why, how far they are, and their result."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.frozen import Frozen

# PostgreSQL's text holds no NUL.
Attribute = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Attributes = Annotated[tuple[Attribute, ...], Field(max_length=100)]


class TrainingState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class TrainingReason(StrEnum):
    ASKED = "asked"
    OUTCOMES = "outcomes"
    DRIFT = "drift"


class TrainingOptions(Frozen):
    """`without`: attributes to leave out; `trusted`: those that are kept although they reveal the outcome."""

    without: Attributes = ()
    trusted: Attributes = ()


class Contest(Frozen):
    """A candidate against the champion, on the newest leads, from which neither has learned. Losses are log losses."""

    against: str | None = Field(description="the version that was in charge; null: the scorecard")
    leads: int = Field(description="that both were asked about")
    won: int
    loss: float | None = Field(description="of the candidate; null where the two were not compared")
    loss_of_champion: float | None
    gain_low: float | None = Field(description="95 of 100 such contests would find at least this gain (bootstrap)")
    promoted: bool
    reason: str


class Training(Frozen):
    """A training. A second request while one waits joins it."""

    id: str
    state: TrainingState
    reason: TrainingReason = Field(description="asked by a person, new outcomes, or drift")
    actor: str
    wishes: TrainingOptions
    asked_at: datetime
    began_at: datetime | None
    finished_at: datetime | None
    attempts: int
    error: str | None = Field(description="why it was refused or failed, or what its last attempt stumbled over")
    version: str | None = Field(description="the model that it made")
    contest: Contest | None


class TrainingPage(Frozen):
    """Trainings, the newest first."""

    trainings: tuple[Training, ...]
