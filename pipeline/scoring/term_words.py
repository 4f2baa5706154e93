"""Words for each place of a learned term, from the cuts and words of its features."""

from itertools import product
from typing import NamedTuple

from pipeline.scoring.explain import Wording
from schemas.glassbox import Axis, GlassBoxArtefact, GlassBoxFeature, GlassBoxTerm

UNIT = {"number": "", "age": " days ago", "until": " days"}
DIGITS = 4  # of a cut that people read


class Row(NamedTuple):
    """The meaning of one row of an axis; `low` and `high` bound a range, None where it is open."""

    label: str
    low: float | None = None
    high: float | None = None


def word_places(tables: GlassBoxArtefact, term: GlassBoxTerm) -> tuple[Wording, ...]:
    """The wording of each place of the term's table."""
    axes = [(tables.features[axis.feature], axis) for axis in term.axes]
    attribute = " × ".join(feature.name for feature, _ in axes)
    labels = ([row.label for row in axis_rows(feature, axis)] for feature, axis in axes)
    return tuple(Wording(attribute, " with ".join(parts)) for parts in product(*labels))


def axis_rows(feature: GlassBoxFeature, axis: Axis) -> list[Row]:
    """The meaning of each row of the axis. Neighbouring bins may share a row, which then spans them."""
    bins: dict[int, list[int]] = {}
    for place, row in enumerate(axis.rows):
        bins.setdefault(row, []).append(place)
    return [_row(feature, bins.get(row, [])) for row in range(max(axis.rows) + 1)]


def _row(feature: GlassBoxFeature, bins: list[int]) -> Row:
    if not bins or bins[0] == 0:
        return Row(f"{feature.label} not known")
    if feature.kind == "category":
        words = [feature.words[place - 1][0] for place in bins if place <= len(feature.words)]
        return Row(f"{feature.label}: {' or '.join(words) or 'another'}")
    low = feature.cuts[bins[0] - 2] if bins[0] > 1 else None
    high = feature.cuts[bins[-1] - 1] if bins[-1] <= len(feature.cuts) else None
    return Row(f"{feature.label} {_range(low, high)}{UNIT[feature.kind]}", low, high)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "any" if high is None else f"below {_number(high)}"
    return f"from {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(cut: float) -> str:
    return f"{cut:,.0f}" if abs(cut) >= 10**DIGITS else f"{cut:.{DIGITS}g}"
