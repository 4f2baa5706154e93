"""What the fields of a source become, and how its values were read so far."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import Misconfigured
from pipeline.leads.attribute_history import AttributeNote
from pipeline.leads.values.doubts import MEANING
from pipeline.leads.values.reader import Doubt
from pipeline.printable import printable_lines
from pipeline.settings.loader import Settings
from pipeline.storage.leads import source_attributes
from workers.command_services import command_services

MARKS = {0: "", 1: "decimal dot", 2: "decimal comma", 3: "decimal dots and commas"}
DAY_PLACES = {0: "", 1: "day before month", 2: "month before day", 3: "day or month first"}


@dataclass(frozen=True)
class FieldMeaning:
    field: str
    attribute: str
    kind: str | None
    personal: bool | None


@dataclass(frozen=True)
class AttributeState:
    """`written`: how its numbers and dates are written, as far as they have shown it; then counts of values."""

    attribute: str
    written: str
    ambiguous: int
    unreadable: int
    not_comparable: int


@dataclass(frozen=True)
class SourceSheet:
    source: str
    fields: tuple[FieldMeaning, ...]
    attributes: tuple[AttributeState, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def source_sheet(settings: Settings, name: str) -> SourceSheet:
    """Raises Misconfigured where there is neither such a source nor anything imported under its name."""
    with command_services(settings) as services:
        configured = settings.sources.get(name)
        with services.reading() as db:
            notes = [AttributeNote(*row[1:]) for row in source_attributes.of_source(db, name)]
        if configured is None and not notes:
            raise Misconfigured(f"there is no source {name!r}; there are: {', '.join(settings.sources)}")
        fields = {} if configured is None else configured.fields
        names = services.attribute_names.of_source(fields)
    plans = ((field, names.plan(field)) for field in fields)
    meanings = tuple(FieldMeaning(field, plan.name, plan.kind, plan.personal) for field, plan in plans)
    return SourceSheet(name, meanings, tuple(map(_state, notes)))


def text(sheet: SourceSheet) -> str:
    lines = [f"source {sheet.source}", *_field_lines(sheet.fields)]
    doubtful = [line for state in sheet.attributes for line in _state_lines(state)]
    return printable_lines([*lines, "", *(doubtful or ["all values could be read"])])


def _field_lines(fields: Sequence[FieldMeaning]) -> list[str]:
    width = max((len(each.field) for each in fields), default=0)
    return [
        f"  {each.field:<{width}}  {each.attribute}{f' ({each.kind})' if each.kind else ''}"
        f"{' sealed' if each.personal else ''}"
        for each in fields
    ]


def _state(note: AttributeNote) -> AttributeState:
    written = ", ".join(filter(None, (MARKS[note.marks], DAY_PLACES[note.day_places])))
    return AttributeState(note.attribute, written, note.ambiguous, note.unreadable, note.not_comparable)


def _state_lines(state: AttributeState) -> list[str]:
    counts = {
        Doubt.AMBIGUOUS: state.ambiguous,
        Doubt.UNREADABLE: state.unreadable,
        Doubt.NOT_COMPARABLE: state.not_comparable,
    }
    lines = [f"{state.attribute}: {count:,} {MEANING[doubt]}" for doubt, count in counts.items() if count]
    return [f"{state.attribute}: {state.written}", *lines] if state.written else lines
