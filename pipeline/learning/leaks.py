"""Finds attributes that reveal the outcome: staff wrote them afterwards, or they are the outcome by another name."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import Matrix
from schemas.model_card import Leak

TOO_GOOD = 0.90  # ROC-AUC of one attribute by itself
RANGES = 32
PARTS = 2


def leaks(features: Sequence[Feature], readings: Matrix, won: NDArray[np.bool_], seed: int) -> tuple[Leak, ...]:
    """The attributes above TOO_GOOD, the best first; rates are counted on other leads than those they are judged on."""
    part = np.random.default_rng(seed).integers(0, PARTS, len(won))
    judged = [
        Leak(attribute=feature.name, roc_auc=round(_roc_auc_of(_groups(feature, readings[:, n]), won, part), 4))
        for n, feature in enumerate(features)
    ]
    return tuple(sorted((leak for leak in judged if leak.roc_auc > TOO_GOOD), key=lambda leak: -leak.roc_auc))


def _roc_auc_of(groups: NDArray[np.intp], won: NDArray[np.bool_], part: NDArray[np.int_]) -> float:
    rate = np.empty(len(won))
    for judged in range(PARTS):
        counted = part != judged
        leads = np.bincount(groups[counted], minlength=groups.max() + 1)
        wins = np.bincount(groups[counted], won[counted], minlength=groups.max() + 1)
        # A group of few leads says little, so it is pulled towards the rate of all.
        rates = (wins + won.mean()) / (leads + 1)
        rate[~counted] = rates[groups[~counted]]
    return float(roc_auc_score(won, rate))


def _groups(feature: Feature, readings: Matrix) -> NDArray[np.intp]:
    """The group of each lead: 0 is missing; numbers are cut into ranges of equally many leads."""
    if feature.kind == "category":
        return np.nan_to_num(readings).astype(np.intp)
    present = ~np.isnan(readings)
    cuts = np.unique(np.quantile(readings[present], np.linspace(0, 1, RANGES + 1)[1:-1]))
    return np.where(present, np.searchsorted(cuts, readings, side="right") + 1, 0)
