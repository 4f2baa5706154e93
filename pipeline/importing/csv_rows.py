"""Turns a row of a CSV file into a change to a lead, by the same rules as a webhook."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from pipeline.errors import GiveUp, Misconfigured
from pipeline.importing.column_cells import TEXTS_KEPT, Cells, ColumnReading, ColumnSurvey, readings
from pipeline.importing.csv_file import Record
from pipeline.leads.source_mapping import SourceMap
from pipeline.leads.values.moments import moment_in
from pipeline.leads.values.reader import Doubt
from pipeline.settings.sections import IntakeSettings
from schemas.lead import LeadChange, Outcome

ID_LIMIT = 200  # characters


@dataclass(frozen=True)
class Layout:
    """Which columns mean what; the others are attributes."""

    id: str
    outcome: str | None = None
    won: str | None = None
    created: str | None = None
    drop: tuple[str, ...] = ()


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
    ) -> None:
        self.doubts: Counter[tuple[str, Doubt]] = Counter()
        self._columns = columns
        self._surveys = [ColumnSurvey() for _ in columns] if readings is None else []
        self._separator = separator
        self._known_readings = readings
        self._width = len(columns)
        self._source = source
        self._limits = limits
        self._run = run
        self._now = now
        self._won = layout.won
        self._id, self._outcome, self._created = _places(columns, layout)
        left_out = {self._id, self._outcome, self._created, *(columns.index(name) for name in layout.drop)}
        self._told = [place for place, name in enumerate(columns) if name and place not in left_out]
        self._surveyed = [*self._told, *([] if self._created is None else [self._created])]
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
            for place in self._surveyed:
                self._surveys[place].learn(record.fields[place])
        return number

    def lead_number(self, record: Record) -> int | None:
        """A hash of the lead's id, which rarely collides; None if the row will be rejected."""
        return hash(record.fields[self._id].strip()) if len(record.fields) == self._width else None

    def change(self, record: Record) -> LeadChange:
        """Raises GiveUp with the reason why the row is rejected."""
        line, fields = record
        if len(fields) != self._width:
            raise GiveUp(f"{len(fields)} fields instead of {self._width}")
        parts = [part for place, cells in self._cells if (part := cells[fields[place]])]
        self.doubts.update((part.name, part.doubt) for part in parts if part.doubt)
        change = self._source.join(self._external_id(fields), f"{self._run}:{line:09}", self._moment(fields), parts)
        if len(change.attributes) > self._limits.attribute_limit:
            raise GiveUp(f"more than {self._limits.attribute_limit} attributes")
        outcome = self._read_outcome(fields)
        return change if outcome is None else change._replace(outcome=outcome)

    def _external_id(self, fields: Sequence[str]) -> str:
        external_id = fields[self._id].strip()
        if not external_id:
            raise GiveUp("the id is empty")
        if len(external_id) > ID_LIMIT or "\0" in external_id:
            raise GiveUp(f"the id holds a NUL or more than {ID_LIMIT} characters")
        return external_id

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
        word = None if self._outcome is None else fields[self._outcome].strip()
        if not word:
            return None
        return Outcome.WON if word == self._won else Outcome.LOST


def _places(columns: Sequence[str], layout: Layout) -> tuple[int, int | None, int | None]:
    """The places of id, outcome and created. Raises Misconfigured for a column that the file does not have."""
    wanted = [layout.id, *(name for name in (layout.outcome, layout.created) if name is not None), *layout.drop]
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise Misconfigured(
            f"no column {', '.join(map(repr, unknown))}; the file has: {', '.join(filter(None, columns))}"
        )
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise GiveUp(f"several columns are called {', '.join(doubled)}; rename or remove all but one")
    outcome, created = (None if name is None else columns.index(name) for name in (layout.outcome, layout.created))
    return columns.index(layout.id), outcome, created
