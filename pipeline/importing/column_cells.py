"""Reads the cells of one column: what a text means, by the column's name and by how its values are written."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.errors import GiveUp, Malformed
from pipeline.leads.attributes import flatten, plain
from pipeline.leads.source_mapping import MappedValue, SourceMap
from pipeline.leads.values.column_style import ColumnStyle, StyleEvidence
from pipeline.leads.values.missing import is_missing
from pipeline.leads.values.moments import DIGITS, moment_in
from pipeline.leads.values.numbers import number_in
from pipeline.leads.values.reader import ValueKind
from pipeline.security.privacy import ANSWERS, COUNT, is_personal
from schemas.lead import REMOVED

# No leading zero, no +, no exponent: those are ids. Beyond 15 digits a float would alter it.
NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?", re.ASCII)
LONGEST_NUMBER = 22  # characters
ID_OR_PHONE = re.compile(r"\s*(?:0\d(?![./-])|\+|\(|\d{16})")
# A column whose name does not say that it holds numbers may hold seats (`2B`), terms (`12 M`) and versions (`1.2.20`).
PLAIN_AMOUNT = re.compile(r"\s*[-+(]?[\s$€£¥]*[\d.,'’ \u00a0\u202f]+[\s$€£¥%)]*")
YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
TWO_WAYS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")
PLAIN_TEXT = "something said"
LONGEST_ANSWER = max(map(len, ANSWERS))
TEXTS_KEPT = 8192  # of a column
MOSTLY = 0.95  # of a column's texts must be of a kind for the column to be of it


class ColumnReading(NamedTuple):
    """How a column is read: how its values are written, and what they are where its name does not say."""

    style: ColumnStyle
    kind: ValueKind | None = None


class ColumnSurvey:
    """Looks at all texts of a column before any is read."""

    def __init__(self) -> None:
        self.evidence = StyleEvidence()
        self.seen: set[str] = set()
        self._numbers = 0
        self._moments = 0

    def learn(self, text: str) -> None:
        """Learns from a text that is not among those `seen`."""
        if len(self.seen) < TEXTS_KEPT:
            self.seen.add(text)
            self._count(text)
        self.evidence.learn(text)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be learned: names and addresses, of which there may be a million."""
        return len(self.seen) >= TEXTS_KEPT and not (self._numbers or self._moments)

    def reading(self, whole_file: ColumnStyle) -> ColumnReading:
        """`whole_file`: how the other columns are written, for what this one does not show."""
        known = sum(not is_missing(text) for text in self.seen)
        kind: ValueKind | None = None
        if known and self._moments >= MOSTLY * known:
            kind = "timestamp"
        elif known and self._numbers >= MOSTLY * known:
            kind = "number"
        return ColumnReading(self.evidence.style(whole_file), kind)

    def _count(self, text: str) -> None:
        if not any(map(str.isdigit, text)) or ID_OR_PHONE.match(text):
            return
        if PLAIN_AMOUNT.fullmatch(text) and number_in(text) is not None:
            self._numbers += 1
        elif not DIGITS.fullmatch(text) and YEAR.search(text) and moment_in(text) is not None:
            self._moments += 1


def readings(surveys: Sequence[ColumnSurvey], separator: str) -> list[ColumnReading]:
    """How each column of a file is read. A file is written in one country: one column tells for another."""
    whole = StyleEvidence()
    for survey in surveys:
        # A plain fraction with a dot may come from a machine, whatever the country: a latitude, a version.
        whole.marks |= survey.evidence.grouped | (survey.evidence.marks & {","})
        whole.day_places |= survey.evidence.day_places
    # Where the comma is the decimal mark, spreadsheets separate by semicolons.
    shared = whole.style(ColumnStyle(mark="," if separator == ";" else None))
    return [survey.reading(shared) for survey in surveys]


class Cells(dict[str, MappedValue | None]):
    """Maps each text of one column to its meaning; most columns repeat themselves, so it is remembered.

    A missing key is read on first access; raises GiveUp with the reason if it cannot be read.
    """

    def __init__(self, column: str, reading: ColumnReading, source: SourceMap, text_limit: int) -> None:
        super().__init__()
        self._column = column
        self._name = next(iter(flatten({column: None}, at="", most=1, text_limit=text_limit).values))
        self._source = source
        self._reading = reading
        self._text_limit = text_limit
        # What the name says by itself, looked up once and not for each of a million names and addresses.
        self._by_name = source.part(self._name, PLAIN_TEXT)
        self._plan = source.plan(self._name)
        self._plan_by_column = source.plan(self._name, reading.kind)
        self._is_detail = self._by_name.kind in ("attribute", "contact")

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
        part = self._part(text)
        # An empty cell says nothing, however it is written; only a vendor's own message removes a value.
        return None if part.value is None or part.value == REMOVED else part

    def _part(self, text: str) -> MappedValue:
        value = plain(text, "", self._text_limit)
        if not self._is_detail:
            return self._source.part(self._name, value, self._reading.style)
        if self._plan.kind is not None:
            return self._source.detail(self._plan, value, self._reading.style)
        # A telephone number stays a text, or its leading zeros and its index would be lost.
        if self._by_name.kind == "contact" and _is_detail(text):
            return MappedValue("contact", self._by_name.name, value)
        number = None if TWO_WAYS.fullmatch(text) else _number(text)
        if number is not None and not (self._plan.personal or is_personal(self._name, number)):
            return MappedValue("attribute", self._plan.name, number, self._plan.rank, self._plan.field)
        return self._source.detail(self._plan_by_column, value, self._reading.style)


def _is_detail(text: str) -> bool:
    text = text.strip()
    return len(text) > LONGEST_ANSWER and COUNT.fullmatch(text) is None and not is_missing(text)


def _number(text: str) -> int | float | None:
    if len(text) > LONGEST_NUMBER or NUMBER.fullmatch(text) is None:
        return None
    return float(text) if "." in text else int(text)
