"""Selects features: none that reveals the outcome by itself, no moment that is always now while a lead is early."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.leads.attributes import canonical
from pipeline.learning.column_kinds import MOSTLY, Columns
from pipeline.learning.leaks import TOO_GOOD, leaks
from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import Matrix
from schemas.model_card import Leak, LeftOut

NOW_DAYS = 1.0  # of age
ALWAYS_NOW = (
    "a moment that is now, or still to come, while a lead is early: what is older is like nothing that was learned"
)


class SelectedFeatures(NamedTuple):
    """The features that are learned from, with their `readings` (n, features)."""

    features: tuple[Feature, ...]
    readings: Matrix
    left_out: tuple[LeftOut, ...]
    leaks: tuple[Leak, ...]


def select_features(
    candidates: Columns, readings: Matrix, won: NDArray[np.bool_], trusted: Sequence[str], seed: int
) -> SelectedFeatures:
    """Selects among the candidates; `readings` has a column for each. `trusted` are kept although they leak."""
    leaking = leaks(candidates.features, readings, won, seed) if candidates.features else ()
    names = {canonical(name) for name in trusted}
    reasons = {leak.attribute: _leaking(leak) for leak in leaking if canonical(leak.attribute) not in names}
    for feature, seen in zip(candidates.features, readings.T, strict=True):
        if feature.kind == "age" and np.nanquantile(seen, MOSTLY) < NOW_DAYS:
            reasons[feature.name] = ALWAYS_NOW
    chosen = [n for n, feature in enumerate(candidates.features) if feature.name not in reasons]
    out = (LeftOut(attribute=name, reason=reason) for name, reason in sorted(reasons.items()))
    return SelectedFeatures(
        tuple(candidates.features[n] for n in chosen), readings[:, chosen], (*candidates.left_out, *out), leaking
    )


def _leaking(leak: Leak) -> str:
    return f"by itself it has ROC-AUC {leak.roc_auc}, above {TOO_GOOD}: it seems to be written after the outcome"
