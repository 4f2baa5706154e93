"""Encodes an attribute as a float32: a number, the code of a word, or the days since 2020 of a moment.

NaN means missing. A feature of the kind `until` takes a moment, or the number of days that somebody told: moments lie
above `MOMENTS_FROM`, plain days below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import copysign, nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.leads.values.missing import is_missing
from pipeline.leads.values.moments import moment_in
from pipeline.leads.values.numbers import number_in
from pipeline.leads.values.reader import LONGEST_WAIT
from pipeline.scoring.phrases import Phrases
from schemas.score import Value

LARGEST = float(np.finfo(np.float32).max)
ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
DAY_S = 86400.0
TEXTS_KEPT = 8192  # of a category, whose code is remembered
NUMERIC = frozenset({int, float, bool, type(None)})
MOMENTS_FROM = float(1 << 20)  # added to the days of a moment; there a float32 still tells eighths of a day
FeatureKind = Literal["number", "category", "age", "until"]


def word(value: Value | datetime) -> str:
    """The value as a word of a category; empty if it says nothing."""
    text = "" if value is None else str(value)
    return "" if is_missing(text) else text.strip().casefold()


@dataclass(frozen=True)
class Feature:
    """One input of a model: a category has `codes` 1…n, any other kind ascending `cuts` (n make n + 1 ranges).

    `phrases`: how a text is matched that is none of the codes; None is not at all. `worst_first`: codes in the order
    in which one of several attributes counts; empty where the first name counts.
    """

    name: str
    kind: FeatureKind
    aliases: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    codes: Mapping[str, int] = field(default_factory=dict)
    phrases: Phrases | None = None
    worst_first: tuple[int, ...] = ()

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
        if self._feature.kind == "category":
            return self._texts[str(value)]
        return _moment(value) if self._feature.kind == "age" else _until(value)

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
        code = self[text] = self._code(text)
        return code

    def _code(self, text: str) -> float:
        # A word of the configuration is one even where it says "none" elsewhere.
        code = self._feature.codes.get(text.strip().casefold())
        if code is None and self._feature.phrases is not None:
            code = self._feature.phrases.code_of(text)
        if code is None and not word(text):
            return nan
        return float(self._feature.bin_count - 1 if code is None else code)


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    numbers = np.clip(np.array(values, np.float64), -LARGEST, LARGEST)
    numbers[np.isnan(numbers)] = nan  # one kind of NaN, so that equal leads have equal vectors
    return numbers


def _number(value: Value | datetime) -> float:
    if isinstance(value, str):
        read = number_in(value)
        value = None if read is None else read.value
    if isinstance(value, datetime) or value is None or value != value:
        return nan
    number = float(value)
    return number if abs(number) <= LARGEST else copysign(LARGEST, number)


def _moment(value: Value | datetime) -> float:
    if not isinstance(value, datetime):
        moment = None if value is None or isinstance(value, bool) else moment_in(value)
        if moment is None or moment.value is None:
            return nan
        value = moment.value
    return days(value)


def _until(value: Value | datetime) -> float:
    told = _number(value)
    if abs(told) <= LONGEST_WAIT:
        return told
    return MOMENTS_FROM + _moment(value)


def days(moment: datetime) -> float:
    return (moment - ORIGIN).total_seconds() / DAY_S
