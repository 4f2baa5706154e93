"""What must be kept of a model's training data: where it ended, and how its features were distributed."""

from datetime import datetime

from schemas.frozen import Frozen


class Spread(Frozen):
    """`groups`: to which group each bin of the feature belongs; `shares` of the leads, by group."""

    attribute: str
    groups: tuple[int, ...]
    shares: tuple[float, ...]


class Baseline(Frozen):
    """`until` and `last_lead_id` are those of the newest lead that was learned from: leads come by time, then by id."""

    until: datetime
    last_lead_id: int
    spreads: tuple[Spread, ...]
