"""Keeps a lead as it was early: models learn from it, because it cannot reveal the outcome.

While a lead is young, its row in `leads` is its early state. The change that ends this time leaves a copy of how the
lead was before it; a lead that never changes late has no copy.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.leads.merging import OUTCOME, SHARED, Lead, LeadDiff, stamp_of
from schemas.example import Early
from schemas.lead import LeadChange

EARLY = "$early"  # among the stamps of a lead: which change ended its early time


@dataclass(frozen=True)
class SnapshotPolicy:
    """When the early time of a lead ends: `after` that time by the vendor's clock or by ours."""

    after: timedelta

    def fold(self, lead: Lead, change: LeadChange, received_at: datetime) -> LeadDiff | None:
        """Does what `lead.fold` does, and sets `lead.early` if this change ended the lead's early time."""
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
        # A change dated before the outcome is early whenever it arrives; so is one of the same moment. An
        # outcome that is taken back was known all the same.
        outcome_known = before.imported or lead.outcome is not None
        decided = outcome_known and moment > (ended[0] if ended else begun)
        advanced = stage is not None and diff.stage is not None
        # Either clock: a vendor may stamp what it tells now with when the lead was made.
        known_for = received_at - (lead.received_at or received_at)
        late = max(known_for, timedelta(microseconds=moment - begun)) > self.after
        # The change names a stage that the lead has already left: how the lead was then is not known any more.
        overtaken = change.stage is not None and change.stage != lead.stage
        if decided or advanced or late or overtaken:
            lead.early = None if overtaken else before
            lead.times[EARLY] = (moment, change.delivery_id)
        return diff
