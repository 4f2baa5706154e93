"""Turns a row of a CSV file into a change to a lead, by the same rules as a webhook."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from pipeline.errors import GiveUp, Misconfigured
from pipeline.importing.column_cells import TEXTS_KEPT, Cells, ColumnReading, ColumnSurvey, readings
from pipeline.importing.csv_file import Record, added_columns
from pipeline.importing.csv_ids import IdColumn
from pipeline.importing.csv_outcomes import OutcomeColumn
from pipeline.leads.attribute_history import AttributeNote, note
from pipeline.leads.source_mapping import WRITTEN, SourceMap
from pipeline.leads.values.moments import moment_in
from pipeline.leads.values.reader import Doubt
from pipeline.settings.sections import IntakeSettings
from schemas.lead import LeadChange, Outcome


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
        separator: str = ",",
        readings: Sequence[ColumnReading] | None = None,
        ids: Sequence[IdColumn] | None = None,
    ) -> None:
        self._doubts: Counter[tuple[str, Doubt]] = Counter()
        self._columns = columns
        self._surveys = [ColumnSurvey() for _ in columns] if readings is None else []
        self._separator = separator
        self._known_readings = readings
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
        self._told = [
            place for place, name in enumerate(columns) if name and place not in left_out and name not in layout.drop
        ]
        surveyed = [*self._told, *([] if self._created is None else [self._created])] if self._surveys else []
        self._surveyed = [(place, self._surveys[place].seen, self._surveys[place].learn) for place in surveyed]
        self._first = added_columns(columns)
        self._date = lru_cache(maxsize=TEXTS_KEPT)(self._read_date)

    @cached_property
    def readings(self) -> Sequence[ColumnReading]:
        """How each column is read; asked for once all records were learned from."""
        if self._known_readings is not None:
            return self._known_readings
        return readings(self._surveys, self._separator)

    @cached_property
    def _cells(self) -> list[tuple[int, Cells]]:
        limit = self._limits.text_limit
        return [(at, Cells(self._columns[at], self.readings[at], self._source, limit)) for at in self._told]

    def learn(self, record: Record) -> int | None:
        """Returns a number for the record's lead, None if the row will be rejected; called before any row is read."""
        number = self.lead_number(record)
        if number is not None:
            for place, column in zip(self._ids, self.ids, strict=True):
                column.learn(record.fields[place])
            self._survey(record.fields)
            if self.outcomes is not None and self._outcome is not None:
                self.outcomes.learn(record.fields[self._outcome])
        return number

    def _survey(self, fields: Sequence[str]) -> None:
        over = False
        for place, seen, learn in self._surveyed:
            if fields[place] not in seen:
                learn(fields[place])
                over = over or self._surveys[place].is_over
        if over:
            self._surveyed = [each for each in self._surveyed if not self._surveys[each[0]].is_over]

    def check(self) -> None:
        """Raises GiveUp if what was learned shows that the whole file must be refused."""
        for column in self.ids:
            column.check()

    def take_doubts(self) -> Counter[tuple[str, Doubt]]:
        """How many values of an attribute were doubtful, and why, since the last call."""
        taken, self._doubts = self._doubts, Counter()
        return taken

    def evidence(self) -> Iterator[AttributeNote]:
        """How the file's numbers and dates are written, by attribute."""
        for place in self._told:
            name = self._columns[place]
            if (self._source.kind(name) or self.readings[place].kind) in WRITTEN:
                yield note(self._source.attribute(name), self._surveys[place].evidence)

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
        self._doubts.update((part.name, part.doubt) for part in parts if part.doubt)
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

    def _read_date(self, text: str) -> datetime:
        place = self.readings[self._created or 0].style.day_place
        moment = moment_in(text, place)
        if moment is None or moment.value is None:
            raise ValueError("not a date that can be read")
        if moment.either and place is None:
            raise ValueError("day or month first? write dates as 2026-11-22")
        return moment.value

    def _read_outcome(self, fields: Sequence[str]) -> Outcome | None:
        return None if self._outcome is None or self.outcomes is None else self.outcomes.read(fields[self._outcome])


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
