"""The events that go from the outbox through the stream to the dashboards (see the relay's protocol)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.alarm import Alarm
from schemas.frozen import Frozen
from schemas.lead import ScoredLead
from schemas.run import Run
from schemas.score import Tier

EVENT_VERSION = 1


class EventKind(StrEnum):
    """The kinds of the outbox and the stream. Dashboards receive `slice` as `run` and `rescored`, and no `outcome`."""

    SCORE = "score"
    RUN = "run"
    SLICE = "slice"  # a step of a run, with the leads that it changed
    ALARM = "alarm"
    OUTCOME = "outcome"  # for the learning side


class Position(Frozen):
    """Where in the feed: the stream's epoch and an entry id; ids compare as pairs of integers, not as text."""

    epoch: str = Field(max_length=64)
    id: str = Field(pattern=r"^\d{1,20}-\d{1,20}$")

    @property
    def order(self) -> tuple[int, int]:
        ms, _, seq = self.id.partition("-")
        return int(ms), int(seq)


class ChangeEvent(Frozen):
    """`key` names what changed (`lead:<id>`); of two changes with one key the higher `rev` is the newer."""

    key: str
    rev: int
    at: datetime
    v: int = EVENT_VERSION


class ScoreChanged(ChangeEvent):
    kind: Literal["score"] = "score"
    body: ScoredLead


class LeadRemoved(ChangeEvent):
    """The lead has left the reader's view: it belongs to another owner now."""

    kind: Literal["removed"] = "removed"


class RescoredLead(Frozen):
    """What a run changed of a lead; a page that shows the reason fetches it."""

    id: str
    score: float
    previous_score: float
    tier: Tier


class LeadRescored(ChangeEvent):
    """A run changed a score; sent for the leads that a reader watches."""

    kind: Literal["rescored"] = "rescored"
    body: RescoredLead


class RunChanged(ChangeEvent):
    """How far a run has come; for roles that see every lead with its attributes."""

    kind: Literal["run"] = "run"
    body: Run


class AlarmChanged(ChangeEvent):
    """An alarm was raised or cleared; for roles that see every lead with its attributes."""

    kind: Literal["alarm"] = "alarm"
    body: Alarm


Event = Annotated[ScoreChanged | LeadRemoved | LeadRescored | RunChanged | AlarmChanged, Field(discriminator="kind")]


class Routing(Frozen):
    """Who may see the change; the relay reads it and never sends it."""

    owner: str | None = None
    previous_owner: str | None = None
