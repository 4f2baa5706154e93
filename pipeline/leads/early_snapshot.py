"""A lead as it was early: what is learned from, because it cannot tell of the outcome.

While a lead is young, its row in `leads` is its early state. The change that ends this time leaves a copy of how the
lead was before it; of a lead that never changes late there is none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.leads.merging import OUTCOME, SHARED, Lead, LeadDiff, stamp_of
from schemas.example import Early
from schemas.lead import LeadChange

EARLY = "$early"  # among the stamps of a lead: which change ended its early time


@dataclass(frozen=True)
class SnapshotPolicy:
    """`after`: how long a lead is young, by the vendor's clock and by ours."""

    after: timedelta

    def fold(self, lead: Lead, change: LeadChange, received_at: datetime) -> LeadDiff | None:
        """As `lead.fold`; `lead.early` is then what is to be saved, if it was this change that ended its early time."""
        if not lead.times:
            lead.received_at = received_at
            return lead.fold(change, received_at)
        if EARLY in lead.times:
            return lead.fold(change, received_at)
        before = Early(dict(lead.attributes), lead.active_at, imported=lead.outcome is not None)
        stage, ended = lead.stage, lead.times.get(OUTCOME) if lead.outcome_at else None
        diff = lead.fold(change, received_at)
        if diff is None:
            return None
        (moment, _), (begun, _) = stamp_of(change, received_at), lead.times[SHARED]
        # What was told of the time before an outcome is early, whenever it is told; so is what began with it. An
        # outcome that is taken back was known all the same.
        outcome_known = before.imported or lead.outcome is not None
        decided = outcome_known and moment > (ended[0] if ended else begun)
        advanced = stage is not None and diff.stage is not None
        # Either clock: a vendor may stamp what it tells now with when the lead was made.
        known_for = received_at - (lead.received_at or received_at)
        late = max(known_for, timedelta(microseconds=moment - begun)) > self.after
        # It tells of a stage that the lead has left already: how the lead was then cannot be told apart any more.
        overtaken = change.stage is not None and change.stage != lead.stage
        if decided or advanced or late or overtaken:
            lead.early = None if overtaken else before
            lead.times[EARLY] = (moment, change.delivery_id)
        return diff
