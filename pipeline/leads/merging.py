"""Folds changes into a lead: the newest value of each attribute wins, in whatever order the changes arrive.

"Newest" is the larger stamp: when it happened by the vendor's clock, then the delivery's id. That clock may be ahead of
ours by `AHEAD`, as a signature's may; beyond that the time counts as `AHEAD` after the arrival, so that a wrong clock
holds a value for that long and not for ever. What an age is computed from (`active_at`, `outcome_at`) is never later
than the arrival. `times` holds the stamp of each name; the attributes of a lead's first change share the entry `*`,
because most leads get one change with thirty attributes.

Whether a value is personal is decided by what is in it, so one name may hold both in turn: a newer one that is personal
replaces the plain one. An older one that was sealed stays sealed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.example import Early
from schemas.lead import OPEN, LeadChange
from schemas.score import Value

Stamp = tuple[int, str]  # microseconds since 1970, delivery id

# East of Greenwich the year 1 begins earlier, but such a moment comes back from PostgreSQL as a year that Python lacks.
LONG_AGO = datetime.min.replace(tzinfo=UTC)
AHEAD = timedelta(minutes=5)
NEVER: Stamp = (-(2**63), "")
SHARED = "*"
STAGE, OWNER, OUTCOME = "$stage", "$owner", "$outcome"
FORGOTTEN = "$forgotten"  # when the vendor was asked to erase the person
CONTACT = "@"  # before the name of a personal attribute


class LeadDiff(NamedTuple):
    """The new part of a change: values that differ from the known ones, and how many of them are contact details."""

    at: datetime
    attributes: dict[str, Value]
    contacts: int
    stage: str | None
    owner: str | None
    outcome: str | None

    @property
    def is_empty(self) -> bool:
        """Whether the change repeated known values, or said only that somebody was active."""
        return not (self.attributes or self.contacts or self.stage or self.owner or self.outcome)


@dataclass
class Lead:
    """A lead while changes are folded into it; `id` 0 and revision 0 until it is stored.

    `early`: how it was before the change that ended its early time, if that is among those that were folded. `erased`:
    one of those took contacts away.
    """

    source: str
    external_id: str
    id: int = 0
    revision: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    contacts: dict[str, Value] = field(default_factory=dict)
    times: dict[str, Stamp] = field(default_factory=dict)
    stage: str | None = None
    owner: str | None = None
    outcome: str | None = None
    outcome_at: datetime | None = None
    active_at: datetime = LONG_AGO
    received_at: datetime | None = None
    early: Early | None = None
    erased: bool = False

    def fold(self, change: LeadChange, received_at: datetime) -> LeadDiff | None:
        """Applies what is newer than the known values and returns it; None if nothing was newer."""
        stamp = stamp_of(change, received_at)
        moment = min(max(change.occurred_at, LONG_AGO), received_at)
        if not self.times:
            return self._begin(change, moment, stamp)
        fields = {STAGE: change.stage, OWNER: change.owner, OUTCOME: change.outcome}
        names = [
            *change.attributes,
            *(CONTACT + name for name in change.contacts),
            *(name for name, value in fields.items() if value is not None),
            *([FORGOTTEN] if change.forgets else []),
        ]
        newer = {name for name in names if stamp > self._stamp(name)}
        # An erasure is no activity of the person.
        active_at = self.active_at if change.forgets else max(self.active_at, moment)
        if not newer and active_at == self.active_at:
            return None
        diff = self._diff(change, newer, moment)
        self.times.update(dict.fromkeys(newer, stamp))
        self.attributes.update((name, value) for name, value in change.attributes.items() if name in newer)
        self.contacts.update((name, value) for name, value in change.contacts.items() if CONTACT + name in newer)
        if STAGE in newer:
            self.stage = change.stage
        if OWNER in newer:
            self.owner = change.owner
        if OUTCOME in newer:
            self._end(change.outcome, moment)
        self.active_at = active_at
        self._unseat(name for name in change.contacts if CONTACT + name in newer)
        self._forget()
        self.erased = self.erased or FORGOTTEN in newer
        return diff

    def _diff(self, change: LeadChange, newer: set[str], moment: datetime) -> LeadDiff:
        attributes = {
            name: value
            for name, value in change.attributes.items()
            if name in newer
            and name not in change.contacts
            and (name not in self.attributes or self.attributes[name] != value)
        }
        contacts = sum(
            CONTACT + name in newer and self.contacts.get(name) != value for name, value in change.contacts.items()
        )
        stage = change.stage if STAGE in newer and change.stage != self.stage else None
        owner = change.owner if OWNER in newer and change.owner != self.owner else None
        outcome = change.outcome if OUTCOME in newer and change.outcome != (self.outcome or OPEN) else None
        return LeadDiff(moment, attributes, contacts, stage, owner, outcome)

    def _begin(self, change: LeadChange, moment: datetime, stamp: Stamp) -> LeadDiff | None:
        """Applies the first change of a lead, of which everything is new."""
        self.attributes.update(change.attributes)
        self.contacts.update(change.contacts)
        self.stage, self.owner = change.stage, change.owner
        self.times[SHARED] = stamp
        for name in change.contacts:
            self.times[CONTACT + name] = stamp
        if change.stage is not None:
            self.times[STAGE] = stamp
        if change.owner is not None:
            self.times[OWNER] = stamp
        if change.outcome is not None:
            self.times[OUTCOME] = stamp
            self._end(change.outcome, moment)
        self._unseat(change.contacts)
        if change.forgets:
            self.times[FORGOTTEN] = stamp
            self._forget()
        if moment <= self.active_at and not change.attributes and len(self.times) == 1:
            return None
        if not change.forgets:
            self.active_at = max(self.active_at, moment)
        attributes = dict(self.attributes)
        return LeadDiff(moment, attributes, len(change.contacts), change.stage, change.owner, self.outcome)

    def _end(self, outcome: str | None, moment: datetime) -> None:
        """Sets the outcome, or takes it back if it is OPEN."""
        self.outcome, self.outcome_at = (None, None) if outcome == OPEN else (outcome, moment)

    def _forget(self) -> None:
        """Drops contact details from before the vendor was asked to erase the person, whenever they come in."""
        until = self.times.get(FORGOTTEN)
        if until is not None:
            self.contacts = {name: value for name, value in self.contacts.items() if self.times[CONTACT + name] > until}

    def _unseat(self, personal: Iterable[str]) -> None:
        """Removes attributes whose name just came as personal data: the personal value replaces the plain one."""
        for name in personal:
            if name in self.attributes and self._stamp(name) == self.times[CONTACT + name]:
                del self.attributes[name]
                self.times.pop(name, None)

    @property
    def is_blank(self) -> bool:
        """Whether only the erasure is known, so that late changes reveal nothing of the person either."""
        return self.times.keys() == {SHARED, FORGOTTEN}

    def says(self, other: "Lead") -> bool:
        """Whether this lead already holds everything that the other one says, whenever it was said."""
        fields = ((self.stage, other.stage), (self.owner, other.owner))
        return (
            other.attributes.items() <= self.attributes.items()
            and other.contacts.items() <= self.contacts.items()
            and all(new in (None, known) for known, new in fields)
            # An outcome that was taken back is None as well.
            and (OUTCOME not in other.times or other.outcome == self.outcome)
        )

    def unknown_part(self, change: LeadChange, combined: "Lead") -> LeadChange:
        """The part of the change that is not known yet; `combined` is what all changes of this group say together.

        A repeated value in a new delivery must not count as newer.
        """
        return change._replace(
            attributes=_new_values(change.attributes, combined.attributes, self.attributes),
            contacts=_new_values(change.contacts, combined.contacts, self.contacts),
            stage=None if combined.stage == self.stage else change.stage,
            owner=None if combined.owner == self.owner else change.owner,
            outcome=None if combined.outcome == self.outcome else change.outcome,
        )

    def _stamp(self, name: str) -> Stamp:
        own = self.times.get(name)
        if own is None:
            own = self.times.get(SHARED, NEVER) if name in self.attributes else NEVER
        return max(own, self.times.get(CONTACT + name, NEVER))


def _new_values(changed: dict[str, Value], combined: dict[str, Value], known: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in changed.items() if name not in known or known[name] != combined[name]}


def stamp_of(change: LeadChange, received_at: datetime) -> Stamp:
    """The stamp that orders changes, whenever they come in."""
    said = min(max(change.occurred_at, LONG_AGO), received_at + AHEAD)
    return (microseconds(said), change.delivery_id)


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
