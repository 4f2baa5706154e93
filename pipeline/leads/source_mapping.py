"""Maps a vendor's delivery to a change of a lead: fields get our names and kinds, personal data is separated, stage,
owner and outcome are recognised.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from pipeline.leads.attributes import canonical
from pipeline.leads.value_kinds import coerce
from pipeline.security.privacy import is_personal, looks_personal
from pipeline.security.vault import Vault
from pipeline.settings.sources import FieldSettings, SourceSettings
from schemas.lead import OPEN, LeadChange, Outcome
from schemas.score import Value

# The contact detail that keeps the vendor's own id when a pseudonym replaced it.
ORIGINAL_ID = "external_id"
UNNAMED = FieldSettings()  # a field that the configuration does not know
WORD_LIMIT = 200  # characters of a stage or an owner


MappedKind = Literal["attribute", "contact", "stage", "owner", "outcome"]


class MappedValue(NamedTuple):
    """What one field means for a lead; the value of a stage, owner or outcome is None if it says nothing."""

    kind: MappedKind
    name: str
    value: Value


class SourceMap:
    """The mapping of one source's deliveries."""

    def __init__(self, name: str, settings: SourceSettings, vault: Vault) -> None:
        self.name = name
        self._vault = vault
        self._fields = {canonical(name): field for name, field in settings.fields.items()}
        self._stage = _plain(settings.stage)
        self._owner = _plain(settings.owner)
        self._outcome = _plain(settings.outcome)
        self._outcomes = {
            **{word.casefold(): Outcome.WON for word in settings.won},
            **{word.casefold(): Outcome.LOST for word in settings.lost},
            **dict.fromkeys(map(str.casefold, settings.open), OPEN),
        }

    def change(
        self, external_id: str, delivery_id: str, occurred_at: datetime, attributes: Mapping[str, Value]
    ) -> LeadChange:
        """The change that a delivery makes. `attributes` are flat; names of stage, owner and outcome become those."""
        parts = [self.part(name, value, occurred_at) for name, value in attributes.items()]
        return self.join(external_id, delivery_id, occurred_at, parts)

    def part(self, name: str, value: Value, occurred_at: datetime | None = None) -> MappedValue:
        field = self._fields.get(canonical(name), UNNAMED)
        name = field.name or name
        if field.kind is not None:
            value = coerce(value, field.kind, occurred_at)
        meaning = canonical(name)
        if meaning in self._stage and not looks_personal(str(value)):
            return MappedValue("stage", name, _word(value))
        if meaning in self._owner:
            owner = _word(value)
            return MappedValue("owner", name, None if owner is None else self.owner(owner))
        if meaning in self._outcome:
            return MappedValue("outcome", name, self._recognise(value))
        if _is_personal_name(name):
            return MappedValue("contact", self._vault.pseudonym(name), value)
        personal = is_personal(name, value) if field.personal is None else field.personal
        return MappedValue("contact" if personal else "attribute", name, value)

    def join(
        self, external_id: str, delivery_id: str, occurred_at: datetime, parts: Iterable[MappedValue]
    ) -> LeadChange:
        attributes: dict[str, Value] = {}
        by_kind: dict[MappedKind, dict[str, Value]] = {"contact": {}, "stage": {}, "owner": {}, "outcome": {}}
        for kind, name, value in parts:
            if kind == "attribute":
                attributes[name] = value
            else:
                by_kind[kind][name] = value
        personal = by_kind["contact"]
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
            outcome=_ended(_last(by_kind["outcome"]), self._recognise(stage)),
        )

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


@lru_cache(maxsize=8192)
def _is_personal_name(name: str) -> bool:
    """Whether the name of a field is itself personal; cached, because every delivery has the same names."""
    return looks_personal(name)


def _plain(names: Collection[str]) -> frozenset[str]:
    return frozenset(canonical(name) for name in names)


def _ended(by_field: str | None, by_stage: str | None) -> str | None:
    """Prefers an end to OPEN: a status may say open while the stage of the same record says lost."""
    return next((outcome for outcome in (by_field, by_stage) if outcome not in (None, OPEN)), by_field or by_stage)


def _last(values: dict[str, Value]) -> str | None:
    """The last value that says something, of several fields with one meaning."""
    # Most deliveries have none or one.
    return next((str(value) for value in reversed(values.values()) if value is not None), None) if values else None


def _word(value: Value) -> str | None:
    return None if value is None else str(value).strip()[:WORD_LIMIT] or None
