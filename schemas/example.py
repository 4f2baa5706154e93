"""Training examples: a lead as it was early, and its outcome."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.model_card import Window
from schemas.score import Value


class Example(NamedTuple):
    """A tuple, because a training reads up to a million. `as_of` is when the attributes were true;
    `imported`, as of `Early`."""

    lead_id: int
    attributes: dict[str, Value]
    as_of: datetime
    won: bool
    imported: bool = False


class Early(NamedTuple):
    """A lead before it was old, its stage moved or its outcome was known. `imported`: it came with its outcome, so
    that its attributes may be younger than that."""

    attributes: dict[str, Value]
    as_of: datetime
    imported: bool


class Split(NamedTuple):
    """Leads whose outcome is known, cut in two by time: `older` to learn from, `newer` to test with.

    Both rise by time, and each is all or a sample of the leads of its window, which is None where there are none.
    """

    older: Sequence[Example]
    newer: Sequence[Example]
    older_window: Window | None
    newer_window: Window | None
