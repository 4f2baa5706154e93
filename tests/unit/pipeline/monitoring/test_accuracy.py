"""How right scores were: the same figures as a library's."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.monitoring.accuracy import accuracy, roc_auc

BEGAN, ENDED = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_area_is_the_librarys_with_and_without_equal_scores(decimals: int) -> None:
    chance = np.random.default_rng(1)
    score = np.round(chance.random(500), decimals)
    won = chance.random(500) < score
    assert roc_auc(score, won) == pytest.approx(roc_auc_score(won, score))


def test_what_was_promised_and_what_came() -> None:
    found = accuracy(
        np.array([0.2] * 50 + [0.9] * 50), np.array([True] * 20 + [False] * 30 + [True] * 50), BEGAN, ENDED
    )
    assert (found.leads, found.won, found.promised, found.came) == (100, 70, 0.55, 0.7)
    assert found.calibration_error == pytest.approx((50 * 0.2 + 50 * 0.1) / 100)
    assert [bucket.leads for bucket in found.calibration] == [50, 50]


def test_of_few_outcomes_of_one_kind_no_area_is_told() -> None:
    assert accuracy(np.full(20, 0.5), np.array([True] * 11 + [False] * 9), BEGAN, ENDED).roc_auc is None
