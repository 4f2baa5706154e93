"""Measures how far recent leads differ from those that a model learned from, by the population stability index.

The index is the sum of (now − then) × ln(now ÷ then) over groups of bins; from 0.25 on it is another population.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import MISSING_BIN, Bins
from schemas.baseline import Spread

GROUPS = 10  # about so many of known values: of finer ones the index measures noise
HALF = 0.5  # of a lead in every group, so that an empty one is no infinity
DECIMALS = 4


def spreads(features: Sequence[Feature], bins: Bins) -> tuple[Spread, ...]:
    """The distribution of each feature; `bins` (leads, features) of the leads that a model learns from."""
    return tuple(_spread(feature, bins[:, column]) for column, feature in enumerate(features))


def indices(then: Sequence[Spread], bins: Bins) -> list[tuple[str, float]]:
    """Attributes and their indices, the largest first; `bins` (leads, features) are those of recent leads."""
    by_attribute = [(spread.attribute, _index(spread, bins[:, column])) for column, spread in enumerate(then)]
    return sorted(by_attribute, key=lambda pair: -pair[1])


def _spread(feature: Feature, bins: NDArray[np.intp]) -> Spread:
    groups = _groups(feature, np.bincount(bins, minlength=feature.bin_count))
    shares = _shares(groups, int(groups.max()) + 1, bins)
    return Spread(attribute=feature.name, groups=tuple(groups.tolist()), shares=tuple(shares.tolist()))


def _groups(feature: Feature, counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The group of each bin: missing and unknown words are groups of their own, others hold about as many leads."""
    known_bins = slice(MISSING_BIN + 1, len(counts) - (feature.kind == "category"))
    full = max(1.0, counts[known_bins].sum() / GROUPS)
    groups = np.zeros(len(counts), np.intp)
    group, held = 1, 0
    for place in range(known_bins.start, known_bins.stop):
        groups[place] = group
        held += int(counts[place])
        if held >= full:
            group, held = group + 1, 0
    if feature.kind == "category":
        groups[-1] = groups.max() + 1
    return groups


def _shares(groups: NDArray[np.intp], number: int, bins: NDArray[np.intp]) -> NDArray[np.float64]:
    counts = np.bincount(groups[bins], minlength=number) + HALF
    shares: NDArray[np.float64] = np.round(counts / counts.sum(), 6)
    return shares


def _index(then: Spread, bins: NDArray[np.intp]) -> float:
    before = np.array(then.shares)
    now = _shares(np.array(then.groups, np.intp), len(before), bins)
    return round(float(((now - before) * np.log(now / before)).sum()), DECIMALS)
