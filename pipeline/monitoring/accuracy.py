"""Measures how right scores were, on leads whose outcome came later."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from schemas.model import Accuracy
from schemas.model_card import Bucket

BUCKETS = 10
DECIMALS = 4
FEW = 10  # of either outcome: an AUC of fewer is chance

Floats = NDArray[np.float64]
Won = NDArray[np.bool_]


def accuracy(chance: Floats, won: Won, since: datetime, until: datetime) -> Accuracy:
    """The accuracy of at least one lead: `chance` 0–1 of each, and whether it was won."""
    buckets = calibration(chance, won)
    wins = int(won.sum())
    return Accuracy(
        leads=len(won),
        won=wins,
        since=since,
        until=until,
        promised=_round(chance.mean()),
        came=_round(won.mean()),
        roc_auc=None if min(wins, len(won) - wins) < FEW else _round(roc_auc(chance, won)),
        calibration_error=_round(calibration_error(buckets)),
        calibration=buckets,
    )


def roc_auc(chance: Floats, won: Won) -> float:
    """How often a won lead has a higher score than a lost one; ties count half (Mann and Whitney 1947)."""
    _, place, counts = np.unique(chance, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    wins = int(won.sum())
    above = ranks[place][won].sum() - wins * (wins + 1) / 2
    return float(above / (wins * (len(won) - wins)))


def calibration(chance: Floats, won: Won) -> tuple[Bucket, ...]:
    """The buckets that have leads, by rising score."""
    bucket = np.minimum((chance * BUCKETS).astype(int), BUCKETS - 1)
    return tuple(
        Bucket(leads=int(there.sum()), promised=_round(chance[there].mean()), came=_round(won[there].mean()))
        for there in (bucket == n for n in range(BUCKETS))
        if there.any()
    )


def calibration_error(buckets: Sequence[Bucket]) -> float:
    """Expected calibration error (Naeini 2015)."""
    leads = sum(bucket.leads for bucket in buckets)
    return sum(bucket.leads * abs(bucket.promised - bucket.came) for bucket in buckets) / leads


def _round(number: float) -> float:
    return round(float(number), DECIMALS)
