"""Figures of quality, on cases whose answer is known."""

import numpy as np
import pytest

from pipeline.learning.evaluation import (
    calibration,
    calibration_error,
    lift,
    lift_curve,
    quality,
    segments,
    won_among_best,
)
from schemas.scorecard import TierCuts


def test_a_bucket_tells_what_was_promised_and_what_came() -> None:
    [low, high] = calibration(np.array([0.1, 0.1, 0.95, 0.95]), np.array([False, True, True, True]))
    assert (low.leads, low.promised, low.came) == (2, 0.1, 0.5)
    assert (high.leads, high.promised, high.came) == (2, 0.95, 1)
    assert calibration_error([low, high]) == pytest.approx((2 * 0.4 + 2 * 0.05) / 4)


def test_certainty_is_in_the_last_bucket() -> None:
    assert [bucket.leads for bucket in calibration(np.array([0.0, 1.0]), np.array([False, True]))] == [1, 1]


def test_the_lift_is_that_of_the_best_tenth() -> None:
    chance = np.linspace(0, 1, 100)
    won = np.arange(100) >= 80
    assert lift(chance, won) == 5
    assert lift(1 - chance, won) == 0


def test_shares_and_lift_are_measured_on_the_same_leads() -> None:
    chance, won = np.linspace(0, 1, 100), np.arange(100) % 2 == 0
    found = quality(chance, won, TierCuts(), seed=0)
    assert (found.won_share, found.won_share_at_tenth) == (0.5, 0.5)
    assert won_among_best(chance, np.arange(100) >= 95) == 0.5
    rare = np.arange(100) >= 97
    told = quality(chance, rare, TierCuts(), seed=0)
    assert (told.won_share, told.won_share_at_tenth, told.lift_at_tenth) == (0.03, 0.3, 10)


def test_the_lift_curve_falls_from_the_best_leads_to_all_of_them() -> None:
    curve = lift_curve(np.linspace(0, 1, 100), np.arange(100) >= 80)
    assert [point.share for point in curve] == [n / 20 for n in range(1, 21)]
    assert [point.lift for point in curve] == [5, 5, 5, 5, *(round(100 / (5 * n), 4) for n in range(5, 21))]


def test_leads_are_counted_by_tier_and_outcome() -> None:
    found = quality(np.array([0.9, 0.9, 0.5, 0.1]), np.array([True, False, True, False]), TierCuts(), seed=0)
    assert [(tier.tier, tier.won, tier.lost) for tier in found.tiers] == [
        ("A", 1, 1),
        ("B", 1, 0),
        ("C", 0, 0),
        ("D", 0, 1),
    ]
    assert found.roc_auc_low <= found.roc_auc


def test_segments_are_read_as_features_are_and_rare_values_are_one() -> None:
    values = ["Ads"] * 12 + ["ads "] * 5 + ["Select", None, ""] * 4 + ["Erika", "Max", "Other"]
    chance, won = np.linspace(0, 1, len(values)), np.arange(len(values)) % 2 == 0
    found = segments("source", values, chance, won, TierCuts())
    assert [(one.value, one.leads) for one in found] == [("Ads", 17), ("not known", 12), ("other", 3)]
