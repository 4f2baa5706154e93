"""The population stability index, on spreads whose index is known."""

import numpy as np
import pytest

from pipeline.monitoring.drift import indices, spreads
from pipeline.scoring.encoding import Feature

NUMBER = Feature("visits", "number", cuts=tuple(float(n) for n in range(1, 100)))
WORD = Feature("source", "category", codes={"ads": 1, "list": 2, "referral": 3})
MANY = 20_000


def drawn(seed: int, high: int, missing: float = 0.1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    bins = chance.integers(1, high, MANY)
    bins[chance.random(MANY) < missing] = 0
    return bins


def index(then: np.ndarray, now: np.ndarray, feature: Feature = NUMBER) -> float:
    [(name, found)] = indices(spreads([feature], then[:, np.newaxis]), now[:, np.newaxis])
    assert name == feature.name
    return found


def test_other_leads_of_the_same_kind_have_hardly_moved() -> None:
    assert index(drawn(1, 101), drawn(2, 101)) < 0.01


def test_fine_bins_are_taken_together_so_that_few_leads_are_no_drift() -> None:
    [spread] = spreads([NUMBER], drawn(1, 101)[:, np.newaxis])
    assert len(spread.shares) == 11  # ten, and missing
    assert sum(spread.shares) == pytest.approx(1, abs=1e-4)
    assert index(drawn(1, 101), drawn(2, 101)[:200]) < 0.15


def test_values_that_stop_coming_are_drift() -> None:
    assert index(drawn(1, 101), drawn(2, 101, missing=1.0)) > 1
    assert index(drawn(1, 101), drawn(2, 30)) > 1


def test_of_two_groups_it_is_what_the_definition_says() -> None:
    word = Feature("plan", "category", codes={"basic": 1})
    then, now = np.repeat([0, 1], [MANY, MANY]), np.repeat([0, 1], [MANY, 3 * MANY])
    known = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert index(then, now, word) == pytest.approx(known, abs=2e-3)


def test_words_that_nobody_knew_are_a_group_of_their_own() -> None:
    then = np.random.default_rng(1).integers(0, 4, MANY)
    unknown = np.where(np.random.default_rng(2).random(MANY) < 0.3, 4, then)
    assert index(then, then, WORD) == 0
    assert index(then, unknown, WORD) > 0.25


def test_what_moved_most_comes_first() -> None:
    then = np.column_stack([drawn(1, 101), np.random.default_rng(3).integers(0, 4, MANY)])
    now = np.column_stack([drawn(2, 101), np.full(MANY, 1)])
    assert [name for name, _ in indices(spreads([NUMBER, WORD], then), now)] == ["source", "visits"]
