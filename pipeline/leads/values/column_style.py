"""How the numbers and dates of a column, or of an attribute of a source, are written: its values tell together."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pipeline.leads.values.moments import DayPlace, moment_in
from pipeline.leads.values.numbers import DecimalMark, number_in
from schemas.score import Value


class ColumnStyle(NamedTuple):
    """None: it is not known, and what can be read in two ways is read as English is."""

    mark: DecimalMark | None = None
    day_place: DayPlace | None = None


T = TypeVar("T")

PLAIN_FRACTION = re.compile(r"-?\d+\.(?:\d{1,2}|\d{4,})")
GROUPED = re.compile(r"\d[.,'’ \u00a0\u202f]\d{3}(?!\d)")
UNKNOWN_STYLE = ColumnStyle()


@dataclass
class StyleEvidence:
    """The decimal marks and places of the day that values have shown; several are a contradiction.

    `grouped`: the marks that grouped thousands have shown.
    """

    marks: set[DecimalMark] = field(default_factory=set)
    grouped: set[DecimalMark] = field(default_factory=set)
    day_places: set[DayPlace] = field(default_factory=set)

    def learn(self, value: Value) -> None:
        if not isinstance(value, str) or not any(map(str.isdigit, value)):
            return
        if PLAIN_FRACTION.fullmatch(value):
            self.marks.add(".")
        elif ("." in value or "," in value) and (number := number_in(value)) and number.mark:
            self.marks.add(number.mark)
            if GROUPED.search(value):
                self.grouped.add(number.mark)
        elif ("/" in value or "." in value or "-" in value) and (moment := moment_in(value)) and moment.day_place:
            self.day_places.add(moment.day_place)

    def style(self, otherwise: ColumnStyle = UNKNOWN_STYLE) -> ColumnStyle:
        """What the values agree on; `otherwise` for what they do not show."""
        return ColumnStyle(
            _only(self.marks) if self.marks else otherwise.mark,
            _only(self.day_places) if self.day_places else otherwise.day_place,
        )


def _only(shown: set[T]) -> T | None:
    return next(iter(shown)) if len(shown) == 1 else None
