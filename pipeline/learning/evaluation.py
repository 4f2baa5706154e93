"""Measures how good scores are, on leads whose outcome is known."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from pipeline.learning.additive import Floats
from pipeline.learning.column_kinds import RARE
from pipeline.monitoring.accuracy import FEW, calibration, calibration_error
from pipeline.scoring.encoding import word
from pipeline.scoring.tier import tiers
from schemas.model_card import LiftPoint, Quality, Segment, TierOutcome
from schemas.score import Tier, Value
from schemas.scorecard import TierCuts

RESAMPLES = 200
LOW = 0.05
DECIMALS = 4
LIFT_POINTS = 20
SEGMENTS_KEPT = 20  # values of one attribute
UNKNOWN = "not known"
OTHER = "other"

Won = NDArray[np.bool_]


def quality(chance: Floats, won: Won, cuts: TierCuts, seed: int) -> Quality:
    """The quality of scores: `chance` is 0–1 for each lead; both outcomes must occur."""
    buckets = calibration(chance, won)
    return Quality(
        roc_auc=_round(roc_auc_score(won, chance)),
        roc_auc_low=_round(np.quantile(_resampled(chance, won, seed), LOW)),
        pr_auc=_round(average_precision_score(won, chance)),
        brier=_round(brier_score_loss(won, chance)),
        log_loss=_round(log_loss(won, np.clip(chance, 1e-9, 1 - 1e-9))),
        calibration_error=_round(calibration_error(buckets)),
        lift_at_tenth=_round(lift(chance, won)),
        won_share=_round(won.mean()),
        won_share_at_tenth=_round(won_among_best(chance, won)),
        lift=lift_curve(chance, won),
        calibration=buckets,
        tiers=_tiers(chance, won, cuts),
    )


def lift(chance: Floats, won: Won, share: float = 0.1) -> float:
    """How much more often than all leads the best `share` of them was won."""
    return won_among_best(chance, won, share) / float(won.mean())


def won_among_best(chance: Floats, won: Won, share: float = 0.1) -> float:
    """The part of the best `share` of the leads that was won."""
    best = np.argsort(-chance, kind="stable")[: max(1, int(share * len(won)))]
    return float(won[best].mean())


def lift_curve(chance: Floats, won: Won) -> tuple[LiftPoint, ...]:
    """The lift by rising share; the last point is all leads, with lift 1."""
    shares = [n / LIFT_POINTS for n in range(1, LIFT_POINTS + 1)]
    return tuple(LiftPoint(share=share, lift=_round(lift(chance, won, share))) for share in shares)


def segments(attribute: str, values: Sequence[Value], chance: Floats, won: Won, cuts: TierCuts) -> tuple[Segment, ...]:
    """The segments of an attribute's most frequent values, the largest first; all other values are the last one."""
    words = [word(value) for value in values]
    spelled: dict[str, Counter[str]] = {}
    for read, value in zip(words, values, strict=True):
        spelled.setdefault(read, Counter())[str(value).strip()] += 1
    often = [read for read, leads in Counter(words).most_common(SEGMENTS_KEPT) if leads >= RARE]
    labels = {read: spelled[read].most_common(1)[0][0] if read else UNKNOWN for read in often}
    lead_labels = np.array([labels.get(read, OTHER) for read in words])
    return tuple(
        _segment(attribute, label, lead_labels == label, chance, won, cuts)
        for label in dict.fromkeys((*labels.values(), OTHER))
        if (lead_labels == label).any()
    )


def _segment(attribute: str, value: str, there: Won, chance: Floats, won: Won, cuts: TierCuts) -> Segment:
    wins = int(won[there].sum())
    rare = min(wins, int(there.sum()) - wins) < FEW
    return Segment(
        attribute=attribute,
        value=value,
        leads=int(there.sum()),
        won=wins,
        roc_auc=None if rare else _round(roc_auc_score(won[there], chance[there])),
        selected=_round((np.round(100 * chance[there], 1) >= cuts.B).mean()),
    )


def _tiers(chance: Floats, won: Won, cuts: TierCuts) -> tuple[TierOutcome, ...]:
    counted: Mapping[Tier, list[int]] = {tier: [0, 0] for tier in Tier}
    for tier, outcome in zip(tiers(100 * chance, cuts), won.tolist(), strict=True):
        counted[tier][not outcome] += 1
    return tuple(TierOutcome(tier=tier, won=wins, lost=losses) for tier, (wins, losses) in counted.items())


def _resampled(chance: Floats, won: Won, seed: int) -> list[float]:
    drawing = np.random.default_rng(seed)
    wins, losses = np.flatnonzero(won), np.flatnonzero(~won)
    areas = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([drawing.choice(wins, len(wins)), drawing.choice(losses, len(losses))])
        areas.append(float(roc_auc_score(won[drawn], chance[drawn])))
    return areas


def _round(number: float) -> float:
    return round(float(number), DECIMALS)
