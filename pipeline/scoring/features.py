"""Turns the attributes of leads into float32 vectors, and vectors into bins.

A feature set names its features in order; `encoding` says what each of them becomes. Moments are kept absolute, and
`bins` subtracts them from the clock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import isnan

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Misconfigured
from pipeline.leads.attributes import canonical
from pipeline.scoring.encoding import MOMENTS_FROM, Column, Feature, days
from schemas.score import Value

Matrix = NDArray[np.float32]
Bins = NDArray[np.intp]

# The name under which a lead's newest change can be an alias of an `age` feature.
ACTIVE_AT = "$active_at"

MISSING_BIN = 0
NOBODYS = "$"  # begins like our reserved names, so no attribute has this name
WORST_RANK = 1 << 30
NOWHERE = (-1, WORST_RANK)
NAME_SETS_KEPT = 1024  # of which it is remembered where each feature is read; the leads of a source have few


class FeatureSet:
    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self._places = _places(self.features)
        self._columns = [Column(feature) for feature in self.features]
        self._read_at = lru_cache(maxsize=NAME_SETS_KEPT)(self._names_read)
        self._words = [n for n, f in enumerate(features) if f.kind == "category"]
        self._ranges = [n for n, f in enumerate(features) if f.kind != "category"]
        self._ages = [n for n, f in enumerate(features) if f.kind == "age"]
        self._untils = [n for n, f in enumerate(features) if f.kind == "until"]
        self._worst = [n for n, f in enumerate(features) if f.worst_first]
        self._replaceable = [n for n in self._ages if features[n].aliases]
        self._cuts = tuple(np.asarray(f.cuts, np.float32) for f in features)

    def values(self, attributes: Mapping[str, Value], active_at: datetime) -> list[Value | datetime]:
        """The raw value of each feature, None where missing; the first of its names that is set wins."""
        given: dict[str, Value | datetime] = {**attributes, ACTIVE_AT: active_at}
        if None in given.values():
            given = {name: value for name, value in given.items() if value is not None}
        values = [given.get(name) for name in self._read_at(tuple(given))]
        for column in self._replaceable:
            if isinstance(values[column], str) and isnan(self._columns[column].encode(values[column])):
                values[column] = self._next_readable(column, given)
        for column in self._worst:
            values[column] = self._worst_of(column, given)
        return values

    def _worst_of(self, column: int, given: Mapping[str, Value | datetime]) -> Value | datetime:
        """Of the values under all names of this feature the one that counts first; None where there is none."""
        feature, encode = self.features[column], self._columns[column].encode
        known = [value for name in (feature.name, *feature.aliases) if (value := given.get(name)) is not None]
        if len(known) < 2:
            return known[0] if known else None
        order = {float(code): place for place, code in enumerate(feature.worst_first)}
        return min(known, key=lambda value: order.get(encode(value), len(order)))

    def _next_readable(self, column: int, given: Mapping[str, Value | datetime]) -> Value | datetime:
        """The first moment under the names of this feature that can be read; a text that cannot hides no other."""
        readable = (given.get(name) for name in self.features[column].aliases)
        encode = self._columns[column].encode
        return next((value for value in readable if value is not None and not isnan(encode(value))), None)

    def encode(self, values: Sequence[Value | datetime]) -> list[float]:
        return [column.encode(value) for column, value in zip(self._columns, values, strict=True)]

    def matrix(self, rows: Sequence[Sequence[Value | datetime]]) -> Matrix:
        """The encoded values (leads, features)."""
        encoded = np.empty((len(rows), len(self.features)), np.float32)
        # Column by column, because values of one column are alike and most can be encoded together.
        for place, (column, values) in enumerate(zip(self._columns, zip(*rows, strict=True), strict=False)):
            encoded[:, place] = column.encode_all(values)
        return encoded

    def bins(self, matrix: Matrix, as_of: datetime | Matrix) -> Bins:
        """The bins (leads, features); bin 0 is missing. `as_of` is one clock, or the `days` of each lead's own."""
        return self.binned(self.readings(matrix, as_of))

    def binned(self, readings: Matrix) -> Bins:
        # Whole columns at once: for one lead, each call of numpy costs more than its work.
        missing = np.isnan(readings)
        bins = np.empty(readings.shape, np.intp)
        bins[:, self._words] = np.where(missing, MISSING_BIN, readings)[:, self._words]
        for column in self._ranges:
            bins[:, column] = self._cuts[column].searchsorted(readings[:, column], side="right") + 1
        bins[missing] = MISSING_BIN
        return bins

    def readings(self, matrix: Matrix, as_of: datetime | Matrix) -> Matrix:
        """What the cuts are compared with: numbers, codes, and ages of moments in days."""
        if not (self._ages or self._untils):
            return matrix
        today = np.float32(days(as_of)) if isinstance(as_of, datetime) else as_of[:, np.newaxis]
        readings = matrix.copy()
        # A vendor's clock that runs ahead must not make a negative age.
        readings[:, self._ages] = np.maximum(today - matrix[:, self._ages], np.float32(0))
        if self._untils:
            readings[:, self._untils] = _days_left(matrix[:, self._untils], today)
        return readings

    def _names_read(self, names: Sequence[str]) -> list[str]:
        """The attribute that each feature is read from, for leads with these names; NOBODYS where there is none."""
        names_read = [NOBODYS] * len(self.features)
        ranks: dict[int, int] = {}
        for name in names:
            column, rank = self._places.get(canonical(name), NOWHERE)
            if rank < ranks.get(column, WORST_RANK):
                names_read[column], ranks[column] = name, rank
        return names_read


def _days_left(told: Matrix, today: np.float32 | Matrix) -> Matrix:
    """Days until moments that have not passed, and days as they were told; a moment's own day has not passed."""
    left = told - np.float32(MOMENTS_FROM) - today
    left = np.where(left > -1, np.maximum(left, np.float32(0)), np.float32(np.nan))
    return np.where(told < MOMENTS_FROM / 2, np.where(told < 0, np.float32(np.nan), told), left)


def _places(features: Sequence[Feature]) -> dict[str, tuple[int, int]]:
    """Maps a canonical name to its feature's column and its rank among that feature's names."""
    places: dict[str, tuple[int, int]] = {}
    for column, feature in enumerate(features):
        for rank, name in enumerate((feature.name, *feature.aliases)):
            place = places.setdefault(canonical(name), (column, rank))
            if place[0] != column:
                raise Misconfigured(f"{name!r} stands for both {features[place[0]].name} and {feature.name}")
    return places
