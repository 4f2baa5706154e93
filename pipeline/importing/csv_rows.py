"""Turns a row of a CSV file into a change to a lead, by the same rules as a webhook."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from pipeline.errors import GiveUp, Malformed, Misconfigured
from pipeline.importing.csv_dates import Dates
from pipeline.importing.csv_file import Record, added_columns
from pipeline.importing.csv_ids import IdColumn
from pipeline.importing.csv_outcomes import OutcomeColumn
from pipeline.leads.attributes import flatten, plain
from pipeline.leads.source_mapping import MappedValue, SourceMap
from pipeline.security.privacy import ANSWERS, COUNT, is_personal
from pipeline.settings.sections import IntakeSettings
from schemas.lead import LeadChange, Outcome

# No leading zero, no +, no exponent: those are ids. Beyond 15 digits a float would alter it.
NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?", re.ASCII)
LONGEST_NUMBER = 22  # characters
PLAIN_TEXT = "something said"
LONGEST_ANSWER = max(map(len, ANSWERS))
TEXTS_KEPT = 8192  # of a column


@dataclass(frozen=True)
class Layout:
    """Which columns mean what; the others are attributes. Without an id column the whole row is the id."""

    id: str | tuple[str, ...]  # of several the order does not count
    outcome: str | None = None
    won: str | None = None
    created: str | None = None
    drop: tuple[str, ...] = ()

    @property
    def id_columns(self) -> tuple[str, ...]:
        return (self.id,) if isinstance(self.id, str) else tuple(sorted(set(self.id)))


class Cells(dict[str, MappedValue | None]):
    """Maps each text of one column to its meaning; most columns repeat themselves, so it is remembered.

    A missing key is read on first access; raises GiveUp with the reason if it cannot be read.
    """

    def __init__(self, column: str, source: SourceMap, text_limit: int) -> None:
        super().__init__()
        self._column = column
        self._name = next(iter(flatten({column: None}, at="", most=1, text_limit=text_limit)))
        self._source = source
        self._text_limit = text_limit
        # What the name says by itself, looked up once and not for each of a million names and addresses.
        self._by_name = source.part(self._name, PLAIN_TEXT)

    def __missing__(self, text: str) -> MappedValue | None:
        if len(self) >= TEXTS_KEPT:
            self.clear()
        try:
            part = self[text] = self._read(text)
        except Malformed as error:
            raise GiveUp(f"{self._column}: {error}") from None
        return part

    def _read(self, text: str) -> MappedValue | None:
        if not text.strip():
            return None
        # A stage, an owner or an outcome is a word even if it is written in digits.
        number = _number(text) if self._by_name.kind in ("attribute", "contact") else None
        if number is not None and not is_personal(self._name, number):
            return self._source.part(self._name, number)
        # A telephone number stays a text, or its leading zeros and its index would be lost.
        value = plain(text, "", self._text_limit)
        if self._by_name.kind == "contact" and _is_neither_count_nor_answer(text.strip()):
            return MappedValue("contact", self._by_name.name, value)
        return self._source.part(self._name, value)


class Rows:
    """Reads the records of one file. `run` begins their delivery ids, so that a later import wins over this one."""

    def __init__(
        self,
        columns: Sequence[str],
        layout: Layout,
        source: SourceMap,
        limits: IntakeSettings,
        *,
        run: str,
        now: datetime,
        dates: Dates | None = None,
        ids: Sequence[IdColumn] | None = None,
    ) -> None:
        self.dates = dates or Dates()
        self._width = len(columns)
        self._source = source
        self._limits = limits
        self._run = run
        self._now = now
        self._ids, self._outcome, self._created = _places(columns, layout)
        self.ids = [IdColumn(columns[place]) for place in self._ids] if ids is None else ids
        self.outcomes = None if layout.outcome is None else OutcomeColumn(layout.outcome, layout.won)
        # What a compound id was made of cannot be read in it, so those columns are kept as any other.
        left_out = {*(self._ids if len(self._ids) == 1 else ()), self._outcome, self._created}
        self._cells = [
            (place, Cells(name, source, limits.text_limit))
            for place, name in enumerate(columns)
            if name and place not in left_out and name not in layout.drop
        ]
        self._first = added_columns(columns)
        self._date = lru_cache(maxsize=TEXTS_KEPT)(self.dates.read)

    def learn(self, record: Record) -> int | None:
        """Returns a number for the record's lead, None if the row will be rejected; called before any row is read."""
        number = self.lead_number(record)
        if number is not None:
            for place, column in zip(self._ids, self.ids, strict=True):
                column.learn(record.fields[place])
            if self._created is not None:
                self.dates.learn(record.fields[self._created])
            if self.outcomes is not None and self._outcome is not None:
                self.outcomes.learn(record.fields[self._outcome])
        return number

    def check(self) -> None:
        """Raises GiveUp if what was learned shows that the whole file must be refused."""
        for column in self.ids:
            column.check()

    def lead_number(self, record: Record) -> int | None:
        """A hash of the lead's id, which rarely collides; None if the row will be rejected."""
        fields = record.fields
        if len(fields) != self._width:
            return None
        if len(self._ids) == 1:
            return hash(IdColumn.key(fields[self._ids[0]]))
        return hash(tuple(IdColumn.key(fields[place]) for place in self._ids) or self._whole(fields))

    def change(self, record: Record) -> LeadChange:
        """Raises GiveUp with the reason why the row is rejected."""
        line, fields = record
        if len(fields) != self._width:
            raise GiveUp(f"{len(fields)} fields instead of {self._width}")
        parts = [part for place, cells in self._cells if (part := cells[fields[place]])]
        change = self._source.join(self._external_id(fields), f"{self._run}:{line:09}", self._moment(fields), parts)
        if len(change.attributes) > self._limits.attribute_limit:
            raise GiveUp(f"more than {self._limits.attribute_limit} attributes")
        outcome = self._read_outcome(fields)
        return change if outcome is None else change._replace(outcome=outcome)

    def _external_id(self, fields: Sequence[str]) -> str:
        if not self._ids:
            return self._source.compound_id(self._whole(fields))
        parts = [column.read(fields[place]) for place, column in zip(self._ids, self.ids, strict=True)]
        if not any(parts):
            raise GiveUp("the id is empty")
        return parts[0] if len(parts) == 1 else self._source.compound_id(parts)

    def _whole(self, fields: Sequence[str]) -> tuple[str, ...]:
        """The row as its own id, however many empty cells end it."""
        cells = [field.strip() for field in fields[self._first :]]
        while cells and not cells[-1]:
            cells.pop()
        return tuple(cells)

    def _moment(self, fields: Sequence[str]) -> datetime:
        if self._created is None:
            return self._now
        try:
            return self._date(fields[self._created])
        except ValueError as error:
            raise GiveUp(f"created: {error}") from None

    def _read_outcome(self, fields: Sequence[str]) -> Outcome | None:
        return None if self._outcome is None or self.outcomes is None else self.outcomes.read(fields[self._outcome])


def _is_neither_count_nor_answer(text: str) -> bool:
    return len(text) > LONGEST_ANSWER and COUNT.fullmatch(text) is None


def _number(text: str) -> int | float | None:
    if len(text) > LONGEST_NUMBER or NUMBER.fullmatch(text) is None:
        return None
    return float(text) if "." in text else int(text)


def _places(columns: Sequence[str], layout: Layout) -> tuple[tuple[int, ...], int | None, int | None]:
    """The places of ids, outcome and created. Raises Misconfigured for a column that the file does not have."""
    named = [*layout.id_columns, *(name for name in (layout.outcome, layout.created) if name is not None)]
    unknown = [name for name in [*named, *layout.drop] if name not in columns]
    if unknown:
        raise Misconfigured(
            f"no column {', '.join(map(repr, unknown))}; the file has: {', '.join(filter(None, columns))}"
        )
    kept = [name for name in columns if name in named or name not in layout.drop]
    doubled = sorted({name for name in kept if name and kept.count(name) > 1})
    if doubled:
        names = ", ".join(doubled)
        raise GiveUp(f"several columns are called {names}; rename all but one, or leave them all out with --drop")
    outcome, created = (None if name is None else columns.index(name) for name in (layout.outcome, layout.created))
    return tuple(columns.index(name) for name in layout.id_columns), outcome, created
