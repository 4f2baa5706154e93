"""Folds changes into a lead: the newest value of each attribute wins, in whatever order the changes arrive.

"Newest" is the larger stamp: when it happened by the vendor's clock, then the delivery's id. That clock may be ahead of
ours by `AHEAD`, as a signature's may; beyond that the time counts as `AHEAD` after the arrival, so that a wrong clock
holds a value for that long and not for ever. What an age is computed from (`active_at`, `outcome_at`) is never later
than the arrival. `times` holds the stamp of each name; the attributes of a lead's first change share the entry `*`,
because most leads get one change with thirty attributes.

Whether a value is personal is decided by what is in it, so one name may hold both in turn: the newer one replaces the
older. None removes either, and an object replaces all that stood below its name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.example import Early
from schemas.lead import OPEN, REMOVED, LeadChange
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
# The contact detail that keeps the vendor's own id when a pseudonym replaced it.
ORIGINAL_ID = "external_id"
OURS = frozenset({ORIGINAL_ID})  # contact details that no change removes


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

    `raw`: values as they were told, where reading changed them. `early`: how it was before the change that ended its
    early time, if that is among those that were folded. `unsealed`: one of those took contacts away.
    """

    source: str
    external_id: str
    id: int = 0
    revision: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    raw: dict[str, Value] = field(default_factory=dict)
    contacts: dict[str, Value] = field(default_factory=dict)
    times: dict[str, Stamp] = field(default_factory=dict)
    stage: str | None = None
    owner: str | None = None
    outcome: str | None = None
    outcome_at: datetime | None = None
    active_at: datetime = LONG_AGO
    received_at: datetime | None = None
    early: Early | None = None
    unsealed: bool = False

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
            *change.objects,
        ]
        newer = {name for name in names if stamp > self._stamp(name)}
        # An erasure is no activity of the person.
        active_at = self.active_at if change.forgets else max(self.active_at, moment)
        if not newer and active_at == self.active_at:
            return None
        gone = self._replaced(change, newer, stamp)
        diff = self._diff(change, newer, gone, moment)
        self.times.update(dict.fromkeys(newer, stamp))
        for name, value in change.attributes.items():
            if name in newer:
                self._set(name, value, change.raw.get(name))
        for name in gone:
            self._remove(name, stamp)
        self.contacts.update((name, value) for name, value in change.contacts.items() if CONTACT + name in newer)
        if STAGE in newer:
            self.stage = change.stage or None
        if OWNER in newer:
            self.owner = change.owner or None
        if OUTCOME in newer:
            self._end(change.outcome, moment)
        self.active_at = active_at
        self._unseat(name for name in change.contacts if CONTACT + name in newer)
        self._forget()
        self.unsealed = self.unsealed or FORGOTTEN in newer
        return diff

    def needs_contacts(self, change: LeadChange) -> bool:
        """Whether the change adds to the contact details, or may take some away."""
        if change.contacts or change.forgets:
            return True
        sealed = [name.removeprefix(CONTACT) for name in self.times if name.startswith(CONTACT)]
        told = change.objects | change.attributes.keys()
        return any(name in change.attributes or not told.isdisjoint(_above(name)) for name in sealed)

    def _set(self, name: str, value: Value, raw: Value) -> None:
        """Sets an attribute; what was sealed under its name is older and goes."""
        if value is None:
            self.attributes.pop(name, None)
        else:
            self.attributes[name] = value
        if raw is None:
            self.raw.pop(name, None)
        else:
            self.raw[name] = raw
        if name in self.contacts and name not in OURS:
            del self.contacts[name]
            self.unsealed = True

    def _remove(self, name: str, stamp: Stamp) -> None:
        self.times[name] = stamp
        self._set(name, None, None)

    def _replaced(self, change: LeadChange, newer: set[str], stamp: Stamp) -> list[str]:
        """Attributes and contact details below what the change tells anew, which it does not tell any more."""
        known = (*self.attributes, *self.contacts)
        if not (change.objects or any("." in name for name in known)):
            return []
        return [
            name
            for name in known
            if name not in change.attributes
            and name not in change.contacts
            and (any({above, CONTACT + above} & newer for above in _above(name)) or name in change.objects & newer)
            and stamp > self._stamp(name)
        ]

    def _diff(self, change: LeadChange, newer: set[str], gone: Sequence[str], moment: datetime) -> LeadDiff:
        attributes = {
            name: value
            for name, value in change.attributes.items()
            if name in newer and name not in change.contacts and self.attributes.get(name) != value
        }
        attributes.update((name, None) for name in gone if name in self.attributes)
        contacts = sum(
            CONTACT + name in newer and self.contacts.get(name) != value for name, value in change.contacts.items()
        )
        removed = {name for name, value in change.attributes.items() if value is None and name in newer} | set(gone)
        contacts += len(removed & self.contacts.keys())
        stage = change.stage if STAGE in newer and change.stage != (self.stage or REMOVED) else None
        owner = change.owner if OWNER in newer and change.owner != (self.owner or REMOVED) else None
        outcome = change.outcome if OUTCOME in newer and change.outcome != (self.outcome or OPEN) else None
        return LeadDiff(moment, attributes, contacts, stage, owner, outcome)

    def _begin(self, change: LeadChange, moment: datetime, stamp: Stamp) -> LeadDiff | None:
        """Applies the first change of a lead, of which everything is new."""
        self.attributes.update((name, value) for name, value in change.attributes.items() if value is not None)
        self.raw.update(change.raw)
        self.contacts.update(change.contacts)
        self.stage, self.owner = change.stage or None, change.owner or None
        self.times[SHARED] = stamp
        # So that an older change, which comes later, does not bring back what was gone by then.
        for name in (*change.objects, *(name for name, value in change.attributes.items() if value is None)):
            self.times[name] = stamp
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
        if moment <= self.active_at and not self.attributes and len(self.times) == 1:
            return None
        if not change.forgets:
            self.active_at = max(self.active_at, moment)
        attributes = dict(self.attributes)
        return LeadDiff(moment, attributes, len(change.contacts), self.stage, self.owner, self.outcome)

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
            if name in self.attributes:
                del self.attributes[name]
                self.raw.pop(name, None)
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
        """When this name was told last, plain or personal, or what held it was replaced."""
        name = name.removeprefix(CONTACT)
        own = self._told_at(name)
        return max(own, *map(self._told_at, _above(name))) if "." in name else own

    def _told_at(self, name: str) -> Stamp:
        plain = self.times.get(name)
        if plain is None:
            plain = self.times.get(SHARED, NEVER) if name in self.attributes else NEVER
        return max(plain, self.times.get(CONTACT + name, NEVER))


def _above(name: str) -> Iterator[str]:
    """The names of the objects that hold the attribute of a dotted name."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _new_values(changed: dict[str, Value], combined: dict[str, Value], known: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in changed.items() if name not in known or known[name] != combined[name]}


def stamp_of(change: LeadChange, received_at: datetime) -> Stamp:
    """The stamp that orders changes, whenever they come in."""
    said = min(max(change.occurred_at, LONG_AGO), received_at + AHEAD)
    return (microseconds(said), change.delivery_id)


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
