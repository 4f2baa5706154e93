"""Encodes a value of a CRM as a float32: a number, the code of a word, or the days since 2020 of a moment.

NaN means missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import copysign, nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.leads.value_kinds import MILLISECONDS_FROM, number_in
from schemas.score import Value

LARGEST = float(np.finfo(np.float32).max)
ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
DAY_S = 86400.0
TEXTS_KEPT = 8192  # of a category, whose code is remembered
NUMERIC = frozenset({int, float, bool, type(None)})
# Form defaults that nobody chose.
UNSET = frozenset({"", "select", "please select", "n/a", "na", "null", "none given", "-", "unknown"})


def word(value: Value | datetime) -> str:
    """The value as a word of a category; empty if it says nothing."""
    text = "" if value is None else str(value).strip().casefold()
    return "" if text in UNSET else text


@dataclass(frozen=True)
class Feature:
    """One input of a model: a number or age has ascending `cuts` (n make n + 1 ranges), a category `codes` 1…n."""

    name: str
    kind: Literal["number", "category", "age"]
    aliases: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    codes: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def bin_count(self) -> int:
        """The number of bins: missing and the ranges, or missing, the words and any other word."""
        highest = max(self.codes.values(), default=0) if self.kind == "category" else len(self.cuts)
        return highest + 2


class Column:
    """Encodes the values of one feature."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._texts = _Texts(feature)

    def encode(self, value: Value | datetime) -> float:
        if value is None:
            return nan
        if self._feature.kind == "number":
            return _number(value)
        return _moment(value) if self._feature.kind == "age" else self._texts[str(value)]

    def encode_all(self, values: Sequence[Value | datetime]) -> NDArray[np.float64] | list[float]:
        """Encodes each of the values."""
        if self._feature.kind == "number" and NUMERIC.issuperset(map(type, values)):
            return _numbers(values)
        return [self.encode(value) for value in values]


class _Texts(dict[str, float]):
    """The code of each text of a category, remembered because most texts repeat."""

    def __init__(self, feature: Feature) -> None:
        super().__init__()
        self._feature = feature

    def __missing__(self, text: str) -> float:
        if len(self) >= TEXTS_KEPT:
            self.clear()
        read = word(text)
        other = self._feature.bin_count - 1
        code = self[text] = float(self._feature.codes.get(read, other)) if read else nan
        return code


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    numbers = np.clip(np.array(values, np.float64), -LARGEST, LARGEST)
    numbers[np.isnan(numbers)] = nan  # one kind of NaN, so that equal leads have equal vectors
    return numbers


def _number(value: Value | datetime) -> float:
    if isinstance(value, str):
        value = number_in(value)
    if isinstance(value, datetime) or value is None or value != value:
        return nan
    number = float(value)
    return number if abs(number) <= LARGEST else copysign(LARGEST, number)


def _moment(value: Value | datetime) -> float:
    if isinstance(value, datetime):
        return days(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return nan
        return days(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    seconds = _number(value)
    if abs(seconds) > MILLISECONDS_FROM:
        seconds /= 1000
    return (seconds - ORIGIN.timestamp()) / DAY_S


def days(moment: datetime) -> float:
    return (moment - ORIGIN).total_seconds() / DAY_S
