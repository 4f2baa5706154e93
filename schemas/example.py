"""What is learned from: a lead as it was early, and how it ended."""

from datetime import datetime
from typing import NamedTuple

from schemas.score import Value


class Example(NamedTuple):
    """A tuple, because a training reads up to a million. `as_of` is when the attributes were true."""

    lead_id: int
    attributes: dict[str, Value]
    as_of: datetime
    won: bool
