"""Maps a vendor's delivery to a change of a lead: fields become our attributes, values are read, personal data is
separated, stage, owner and outcome are recognised.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from pipeline.leads.attribute_history import AttributeHistory
from pipeline.leads.attribute_names import AttributeNames, FieldPlan
from pipeline.leads.attributes import canonical
from pipeline.leads.merging import LONG_AGO, ORIGINAL_ID
from pipeline.leads.money import CURRENCY, Rates
from pipeline.leads.values.column_style import ColumnStyle
from pipeline.leads.values.missing import is_missing
from pipeline.leads.values.reader import Doubt, Reading, ValueKind, read
from pipeline.security.phones import phone_within
from pipeline.security.privacy import is_personal, looks_personal
from pipeline.security.vault import Vault
from pipeline.settings.sources import SourceSettings
from schemas.lead import NOTHING_RAW, OPEN, REMOVED, LeadChange, Outcome
from schemas.score import Value

AS_THEY_ARE = frozenset({None, "number", "money"})  # kinds as which a number that comes as one needs no reading
# Kinds whose values are written in several ways.
WRITTEN = frozenset({"number", "money", "timestamp", "days_until", "boolean"})
WORD_LIMIT = 200  # characters of a stage or an owner


MappedKind = Literal["attribute", "contact", "stage", "owner", "outcome"]


class MappedValue(NamedTuple):
    """What one field means for a lead. A stage or owner is REMOVED, and any other value None, if there is none now.

    `rank`: of several fields that become one attribute the lowest counts. `field`: its own canonical name. `raw`: the
    value as it was told, where the reading differs from it.
    """

    kind: MappedKind
    name: str
    value: Value
    rank: int = 0
    field: str = ""
    raw: Value = None
    doubt: Doubt | None = None


class SourceMap:
    """The mapping of one source's deliveries. `full_id`: the form of a record's id under which leads are saved."""

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        vault: Vault,
        names: AttributeNames,
        rates: Rates,
        history: AttributeHistory | None = None,
        full_id: Callable[[str], str] = str,
    ) -> None:
        self.name = name
        self.history = history or AttributeHistory()
        self._full_id = full_id
        self._vault = vault
        self._rates = rates
        self._names = names.of_source(settings.fields)
        self._plan = lru_cache(maxsize=8192)(self._plan_of)
        self._stage = _plain(settings.stage)
        self._owner = _plain(settings.owner)
        self._outcome = _plain(settings.outcome)
        self._outcomes = {
            **{word.casefold(): Outcome.WON for word in settings.won},
            **{word.casefold(): Outcome.LOST for word in settings.lost},
            **dict.fromkeys(map(str.casefold, settings.open), OPEN),
        }

    def change(
        self,
        external_id: str,
        delivery_id: str,
        occurred_at: datetime,
        attributes: Mapping[str, Value],
        objects: Collection[str] = (),
    ) -> LeadChange:
        """The change that a delivery makes. `attributes` and `objects` are those of `flatten`."""
        parts = [self.part(name, value) for name, value in attributes.items()]
        change = self.join(external_id, delivery_id, occurred_at, parts)
        return change._replace(objects=frozenset(map(canonical, objects))) if objects else change

    def tried(self, attributes: Mapping[str, Value], known: Mapping[str, Value] = NOTHING_RAW) -> dict[str, Value]:
        """A lead's attributes if a delivery told these too; what is personal counts for nothing."""
        # Nobody learns from what is only tried.
        parts = [
            self.part(name, value, self.history.style(self._plan(name).name)) for name, value in attributes.items()
        ]
        told = self.join("", "", LONG_AGO, parts)
        merged = {**known, **told.attributes}
        self._rates.settle(merged, dict(told.raw), before=known.get(CURRENCY), told=told.attributes)
        return {name: value for name, value in merged.items() if value is not None}

    def settle(self, attributes: MutableMapping[str, Value], raw: MutableMapping[str, Value]) -> None:
        """Converts the amounts of a lead that has just been read whole, and names its currency."""
        self._rates.settle(attributes, raw)

    def attribute(self, name: str) -> str:
        """The attribute that a field becomes."""
        return self._plan(name).name

    def kind(self, name: str) -> ValueKind | None:
        """What the values of a field are, by its name; None if that says nothing."""
        return self._plan(name).kind

    def plan(self, name: str, kind: ValueKind | None = None) -> FieldPlan:
        """What becomes of a field. `kind`: what its values are, if its name does not say."""
        plan = self._plan(name)
        return plan if kind is None or plan.kind is not None else plan._replace(kind=kind)

    def part(self, name: str, value: Value, style: ColumnStyle | None = None) -> MappedValue:
        """What one field of a delivery means; `style` as of `detail`."""
        plan = self._plan(name)
        target = plan.name
        if target in self._stage and not looks_personal(str(value)):
            return MappedValue("stage", target, _word(value))
        if target in self._owner:
            owner = _word(value)
            return MappedValue("owner", target, owner and self.owner(owner))
        if target in self._outcome:
            return MappedValue("outcome", target, self._recognise(value))
        return self.detail(plan, value, style)

    def _plan_of(self, name: str) -> FieldPlan:
        plan = self._names.plan(name)
        # A name may itself be personal, as where somebody's number became the heading of a column.
        if looks_personal(name) or phone_within(name):
            return plan._replace(name=self._vault.pseudonym(name), personal=True)
        return plan

    def detail(self, plan: FieldPlan, value: Value, style: ColumnStyle | None) -> MappedValue:
        """What a field means that is neither stage nor owner nor outcome.

        `style`: how its numbers and dates are written; None follows from what the source has told so far, and learns
        from this value.
        """
        if value is None or (plan.personal is None and type(value) in (int, float) and plan.kind in AS_THEY_ARE):
            # Nothing to read, as of most values that come as JSON.
            kind: MappedKind = "contact" if is_personal(plan.name, value) else "attribute"
            return MappedValue(kind, plan.name, value, plan.rank, plan.field)
        reading = self._read(plan, value, self.history.style(plan.name) if style is None else style)
        if style is None and plan.kind in WRITTEN and isinstance(value, str):
            self.history.learn(plan.name, value, reading.doubt)
        if reading.value is None:  # it removes the attribute, or the contact detail, of this name
            told = value if isinstance(value, str) and value.strip() else None
            return MappedValue("attribute", plan.name, None, plan.rank, plan.field, told)
        # What was recognised as a number or a moment is neither an address nor a telephone number.
        if plan.personal is None:
            # By the kind that is configured: a column of postcodes looks like one of numbers.
            known = self.kind(plan.field) not in (None, "text") and reading.doubt is not Doubt.UNREADABLE
            personal = not known and is_personal(plan.name, reading.value)
        else:
            personal = plan.personal
        if personal:
            return MappedValue("contact", plan.name, value, plan.rank, plan.field)
        raw = None if reading.value is value or str(reading.value) == str(value) else value
        return MappedValue("attribute", plan.name, reading.value, plan.rank, plan.field, raw, reading.doubt)

    def _read(self, plan: FieldPlan, value: Value, style: ColumnStyle) -> Reading:
        """Reads a value as its field's kind; an amount that names its currency is converted."""
        reading = read(value, plan.kind, style, plan.means)
        return self._rates.converted(reading, value) if reading.currency else reading

    def join(
        self, external_id: str, delivery_id: str, occurred_at: datetime, parts: Iterable[MappedValue]
    ) -> LeadChange:
        """The change of the parts of one delivery, of which several may mean the same attribute."""
        attributes: dict[str, Value] = {}
        raw: dict[str, Value] = {}
        by_kind: dict[MappedKind, dict[str, Value]] = {"contact": {}, "stage": {}, "owner": {}, "outcome": {}}
        best: dict[str, MappedValue] = {}
        for part in parts:
            if part.kind != "attribute":
                by_kind[part.kind][part.name] = part.value
                continue
            rival = best.get(part.name)
            if rival is not None:
                part = _better(rival, loser := part)
                _keep_beside(loser if part is rival else rival, attributes, raw)
                raw.pop(part.name, None)
            best[part.name] = part
            attributes[part.name] = part.value
            if part.raw is not None:
                raw[part.name] = part.raw
        personal = by_kind["contact"]
        external_id = self._full_id(external_id)
        if looks_personal(external_id):
            personal[ORIGINAL_ID] = external_id
            external_id = self._vault.pseudonym(external_id)
        stage = _last(by_kind["stage"])
        return LeadChange(
            source=self.name,
            external_id=external_id,
            delivery_id=delivery_id,
            occurred_at=occurred_at,
            attributes=attributes,
            contacts=personal,
            stage=stage,
            owner=_last(by_kind["owner"]),
            outcome=_ended(_outcome(by_kind["outcome"]), self._recognise(stage)),
            raw=raw,
            doubts=tuple((part.name, part.doubt) for part in best.values() if part.doubt is not None),
        )

    def lead(self, external_id: str) -> str:
        """A lead's id as it is stored, by the rule for owners."""
        return self.owner(self._full_id(external_id))

    def owner(self, name: str) -> str:
        """The owner as it is stored: a pseudonym where it looks like an e-mail or a phone number."""
        return self._vault.pseudonym(name) if looks_personal(name) else name

    def compound_id(self, parts: Sequence[str]) -> str:
        """The id of a lead that several values together identify; it tells none of them."""
        return self._vault.compound(parts)

    def delivery(self, delivery_id: str) -> str:
        """A delivery's id as it is stored."""
        return hidden_delivery(self._vault, delivery_id)

    def _recognise(self, value: Value) -> str | None:
        return None if value is None else self._outcomes.get(str(value).strip().casefold())


def hidden_delivery(vault: Vault, delivery_id: str) -> str:
    """A pseudonym if the id looks like an e-mail address or a telephone number; ids are only compared."""
    return vault.delivery(delivery_id) if looks_personal(delivery_id) else delivery_id


def _plain(names: Collection[str]) -> frozenset[str]:
    return frozenset(canonical(name) for name in names)


def _better(one: MappedValue, other: MappedValue) -> MappedValue:
    """Of two fields that mean one attribute: the one that says something, of the better name, or else the later."""
    if (one.value is None) != (other.value is None):
        return other if one.value is None else one
    return one if one.rank < other.rank else other


def _keep_beside(loser: MappedValue, attributes: dict[str, Value], raw: dict[str, Value]) -> None:
    """Keeps what only stands for the attribute under its own name, so that nothing is lost."""
    if loser.value is not None and loser.field != loser.name:
        attributes[loser.field] = loser.value
        if loser.raw is not None:
            raw[loser.field] = loser.raw


def _ended(by_field: str | None, by_stage: str | None) -> str | None:
    """Prefers an end to OPEN: a status may say open while the stage of the same record says lost."""
    return next((outcome for outcome in (by_field, by_stage) if outcome not in (None, OPEN)), by_field or by_stage)


def _last(values: dict[str, Value]) -> str | None:
    """The last value that says something, of several fields with one meaning; REMOVED if all say that there is none."""
    # Most deliveries have none or one.
    return next((str(value) for value in reversed(values.values()) if value), REMOVED) if values else None


def _outcome(values: dict[str, Value]) -> str | None:
    return (_last(values) or None) if values else None


def _word(value: Value) -> str:
    return REMOVED if value is None or is_missing(str(value)) else str(value).strip()[:WORD_LIMIT]
