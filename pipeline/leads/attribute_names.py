"""The attribute that a field of a source becomes: its own canonical name, or the one that it is an alias of."""

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.leads.attributes import canonical
from pipeline.leads.values.reader import ValueKind
from pipeline.settings.attributes import AttributeSettings
from pipeline.settings.sources import FieldSettings

EXACT, SPELLED, ALIAS = 0, 1, 2  # ranks of names; those of later aliases are higher


class FieldPlan(NamedTuple):
    """`name`: the attribute that the field becomes. `field`: the field's own canonical name. `rank`: of several fields
    that become one attribute the lowest counts. `means`: as of `read`. `personal` None: name and value decide."""

    name: str
    field: str
    rank: int
    kind: ValueKind | None = None
    means: frozenset[str] = frozenset()
    personal: bool | None = None


class AttributeNames:
    """The well-known attributes with their aliases and kinds, and over them the fields of one source."""

    def __init__(
        self, attributes: Mapping[str, AttributeSettings], fields: Mapping[str, FieldSettings] | None = None
    ) -> None:
        self._attributes = attributes
        self._fields = {canonical(name): field for name, field in (fields or {}).items()}
        self._known = {canonical(name): known for name, known in self._attributes.items()}
        self._aliases = {
            canonical(alias): (canonical(name), ALIAS + place)
            for name, known in self._attributes.items()
            for place, alias in enumerate(known.aliases)
        }

    def of_source(self, fields: Mapping[str, FieldSettings]) -> "AttributeNames":
        return AttributeNames(self._attributes, fields)

    def plan(self, name: str) -> FieldPlan:
        """What becomes of the field of that name."""
        field = canonical(name)
        settings = self._fields.get(field)
        if settings is not None and settings.name is not None:
            target, rank = self._aliases.get(canonical(settings.name), (canonical(settings.name), EXACT))
        else:
            own = (field, EXACT if name == field else SPELLED)
            target, rank = self._aliases.get(field) or self._nested(field) or own
        known = self._known.get(target)
        return FieldPlan(
            target,
            field,
            rank,
            kind=(settings and settings.kind) or (known.kind if known else None),
            means=known.words if known else frozenset(),
            personal=settings.personal if settings else None,
        )

    def _nested(self, field: str) -> tuple[str, int] | None:
        """`deal.value` is what `deal_value` is."""
        joined = field.replace(".", "_")
        if joined == field:
            return None
        return (joined, ALIAS) if joined in self._known else self._aliases.get(joined)

    def attribute(self, name: str) -> str:
        """The attribute that somebody means who says this name."""
        return self.plan(name).name
