"""The tier is that of the score as people read it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.scoring.tier import tiers
from schemas.score import Tier
from schemas.scorecard import TierCuts

CUTS = TierCuts(A=75, B=50, C=30)


@pytest.mark.parametrize(
    ("score", "tier"),
    [(0, "D"), (29.94, "D"), (29.96, "C"), (30, "C"), (49.9, "C"), (50, "B"), (74.94, "B"), (75, "A"), (100, "A")],
)
def test_a_cut_belongs_to_the_tier_above_it(score: float, tier: str) -> None:
    assert tiers(np.array([score]), CUTS) == [Tier(tier)]


@given(st.lists(st.floats(0, 100), min_size=1))
def test_a_higher_score_never_has_a_lower_tier(scores: list[float]) -> None:
    found = tiers(np.array(sorted(scores)), CUTS)
    assert found == sorted(found, reverse=True)


def test_cuts_that_do_not_fall_are_refused() -> None:
    with pytest.raises(ValidationError, match="must fall"):
        TierCuts(A=50, B=50, C=30)
