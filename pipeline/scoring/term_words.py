"""What each place of a learned term says, from the cuts and words of its features."""

from itertools import product

from pipeline.scoring.explain import Wording
from schemas.glassbox import Axis, Glassbox, GlassboxFeature, GlassboxTerm

UNIT = {"number": "", "age": " days ago"}
DIGITS = 4  # of a cut that people read


def word_places(tables: Glassbox, term: GlassboxTerm) -> tuple[Wording, ...]:
    """By place of the term's table."""
    axes = [(tables.features[axis.feature], axis) for axis in term.axes]
    attribute = " × ".join(feature.name for feature, _ in axes)
    labels = (_row_labels(feature, axis) for feature, axis in axes)
    return tuple(Wording(attribute, " with ".join(parts)) for parts in product(*labels))


def _row_labels(feature: GlassboxFeature, axis: Axis) -> list[str]:
    """By row of the axis. Neighbouring bins may share a row: its label then spans them."""
    bins: dict[int, list[int]] = {}
    for place, row in enumerate(axis.rows):
        bins.setdefault(row, []).append(place)
    return [_label(feature, bins.get(row, [])) for row in range(max(axis.rows) + 1)]


def _label(feature: GlassboxFeature, bins: list[int]) -> str:
    if not bins or bins[0] == 0:
        return f"{feature.label} not known"
    if feature.kind == "category":
        words = [feature.words[place - 1][0] for place in bins if place <= len(feature.words)]
        return f"{feature.label}: {' or '.join(words) or 'another'}"
    low = feature.cuts[bins[0] - 2] if bins[0] > 1 else None
    high = feature.cuts[bins[-1] - 1] if bins[-1] <= len(feature.cuts) else None
    return f"{feature.label} {_range(low, high)}{UNIT[feature.kind]}"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "any" if high is None else f"below {_number(high)}"
    return f"from {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(cut: float) -> str:
    return f"{cut:,.0f}" if abs(cut) >= 10**DIGITS else f"{cut:.{DIGITS}g}"
