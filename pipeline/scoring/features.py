"""Attributes as a CRM sends them -> float32 vectors -> bins.

A feature set names its features in order. `encode` gives one float32 a feature: the number, the code of the word,
or the day of a moment (days since 2020, kept absolute; `bins` subtracts it from the clock). NaN means missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from math import copysign
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.attributes import canonical
from pipeline.errors import Misconfigured
from pipeline.kinds import MILLISECONDS_FROM
from schemas.score import Value

Matrix = NDArray[np.float32]
Bins = NDArray[np.intp]

# The name under which a lead's newest change can be an alias of an `age` feature.
ACTIVE_AT = "$active_at"

MISSING_BIN = 0
NAMES_KEPT = 8192  # attribute names whose place is remembered
WORST_RANK = 1 << 30
LARGEST = float(np.finfo(np.float32).max)
ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
DAY_S = 86400.0
# Form defaults that nobody chose.
UNSET = frozenset({"", "select", "please select", "n/a", "na", "null", "none given", "-", "unknown"})


@dataclass(frozen=True)
class Feature:
    """`cuts` ascending for number and age (n of them make n + 1 ranges), `codes` word -> 1…n for category."""

    name: str
    kind: Literal["number", "category", "age"]
    aliases: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    codes: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def bin_count(self) -> int:
        """Missing, then the ranges; or missing, then the words, then any other word."""
        known = max(self.codes.values(), default=0) if self.kind == "category" else len(self.cuts)
        return known + 2


class FeatureSet:
    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self._places = _places(self.features)
        self._place = lru_cache(maxsize=NAMES_KEPT)(lambda name: self._places.get(canonical(name)))
        self._words = [n for n, f in enumerate(features) if f.kind == "category"]
        self._ranges = [n for n, f in enumerate(features) if f.kind != "category"]
        self._cuts = tuple(np.asarray(f.cuts, np.float32) for f in features)

    def values(self, attributes: Mapping[str, Value], active_at: datetime) -> list[Value | datetime]:
        """The raw value of each feature, None where missing; the first of its names that is set wins."""
        found: list[Value | datetime] = [None] * len(self.features)
        ranks = [WORST_RANK] * len(self.features)
        named: dict[str, Value | datetime] = {**attributes, ACTIVE_AT: active_at}
        for name, value in named.items():
            place = self._place(name)
            if place is not None and value is not None and place[1] < ranks[place[0]]:
                found[place[0]] = value
                ranks[place[0]] = place[1]
        return found

    def encode(self, values: Sequence[Value | datetime]) -> list[float]:
        return [encode(feature, value) for feature, value in zip(self.features, values, strict=True)]

    def matrix(self, rows: Sequence[Sequence[Value | datetime]]) -> Matrix:
        """(leads, features)"""
        encoded = [self.encode(values) for values in rows]
        return np.array(encoded, np.float32).reshape(len(rows), len(self.features))

    def bins(self, matrix: Matrix, as_of: datetime | Matrix) -> Bins:
        """(leads, features); bin 0 is missing. `as_of` is one clock, or of each lead the `days` of its own."""
        return self.binned(self.readings(matrix, as_of))

    def binned(self, readings: Matrix) -> Bins:
        # Whole columns at once: of one lead each call of numpy costs more than its work.
        found = np.empty(readings.shape, np.intp)
        codes = readings[:, self._words]
        found[:, self._words] = np.where(np.isnan(codes), MISSING_BIN, codes).astype(np.intp)
        for column in self._ranges:
            seen = readings[:, column]
            ranges = self._cuts[column].searchsorted(seen, side="right") + 1
            found[:, column] = np.where(np.isnan(seen), MISSING_BIN, ranges)
        return found

    def readings(self, matrix: Matrix, as_of: datetime | Matrix) -> Matrix:
        """What the cuts are compared with: numbers, codes, and for moments their age in days."""
        ages = [column for column, feature in enumerate(self.features) if feature.kind == "age"]
        if not ages:
            return matrix
        today = np.float32(days(as_of)) if isinstance(as_of, datetime) else as_of[:, np.newaxis]
        readings = matrix.copy()
        # A clock that runs ahead is no negative age.
        readings[:, ages] = np.maximum(today - matrix[:, ages], np.float32(0))
        return readings


def _places(features: Sequence[Feature]) -> dict[str, tuple[int, int]]:
    """Canonical name -> its feature's column, and its rank among that feature's names."""
    found: dict[str, tuple[int, int]] = {}
    for column, feature in enumerate(features):
        for rank, name in enumerate((feature.name, *feature.aliases)):
            place = found.setdefault(canonical(name), (column, rank))
            if place[0] != column:
                raise Misconfigured(f"{name!r} stands for both {features[place[0]].name} and {feature.name}")
    return found


def encode(feature: Feature, value: Value | datetime) -> float:
    if value is None:
        return np.nan
    if feature.kind == "number":
        return _number(value)
    if feature.kind == "age":
        return _moment(value)
    word = str(value).strip().casefold()
    if word in UNSET:
        return np.nan
    return float(feature.codes.get(word, feature.bin_count - 1))


def _number(value: Value | datetime) -> float:
    if isinstance(value, str):
        try:
            value = float(_point(value.strip().strip("$€£%").strip()))
        except ValueError:
            return np.nan
    if isinstance(value, datetime) or value is None or value != value:
        return np.nan
    number = float(value)
    return number if abs(number) <= LARGEST else copysign(LARGEST, number)


def _point(text: str) -> str:
    """`1,234.5`, `1.234,5` and `12,5` with a decimal point alone; `1,234` is a thousand."""
    whole, comma, rest = text.rpartition(",")
    if comma and "." not in rest and ("." in whole or ("," not in whole and len(rest) != len("000"))):
        return f"{whole.replace('.', '')}.{rest}"
    return text.replace(",", "")


def _moment(value: Value | datetime) -> float:
    if isinstance(value, datetime):
        return days(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return np.nan
        return days(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    seconds = _number(value)
    if abs(seconds) > MILLISECONDS_FROM:
        seconds /= 1000
    return (seconds - ORIGIN.timestamp()) / DAY_S


def days(moment: datetime) -> float:
    return (moment - ORIGIN).total_seconds() / DAY_S
