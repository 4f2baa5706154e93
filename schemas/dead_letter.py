"""Dead letters: work whose last attempt failed, and what became of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.frozen import Frozen


class DeadLetter(Frozen):
    id: str
    queue: str
    task: str
    arguments: dict[str, str] = Field(description="the ids that the task was given", examples=[{"lead_id": "42"}])
    error: str = Field(description="kind, words and place of the last attempt's error; never a lead's values")
    attempts: int = Field(ge=0)
    first_at: datetime = Field(description="since when the work was owed")
    last_at: datetime = Field(description="when it was given up")


class DeadLetterPage(Frozen):
    """Dead letters, the newest first."""

    letters: tuple[DeadLetter, ...]
    total: int
    next_cursor: str | None


class DeadLetterResolution(Frozen):
    """What became of a dead letter. `settled`: nothing was left to do, because a newer change had reopened the lead."""

    id: str
    outcome: Literal["enqueued", "settled", "discarded"]
