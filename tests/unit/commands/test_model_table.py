"""A model's card in a terminal: figures of different leads do not stand in one comparison."""

from datetime import UTC, datetime
from typing import Any

import pytest

from commands.model_table import card_text
from schemas.model_card import ModelCard, Quality, Readiness, TierOutcome, Window
from schemas.score import Tier

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def card(**measured: Any) -> ModelCard:
    """Of the older leads 2 % were won, of the newest 18 %: of all together 5.2 %."""
    quality = {
        "roc_auc": 0.8,
        "roc_auc_low": 0.78,
        "pr_auc": 0.5,
        "brier": 0.1,
        "log_loss": 0.3,
        "calibration_error": 0.01,
        "lift_at_tenth": 2.7,
        "calibration": (),
        "tiers": (TierOutcome(tier=Tier.A, won=180, lost=820),),
    }
    return ModelCard(
        method="logistic regression",
        trained_on=Window(leads=4000, won=80, since=NOW, until=NOW),
        sampled=None,
        tested_on=Window(leads=1000, won=180, since=NOW, until=NOW),
        base_rate=0.052,
        quality=Quality.model_validate(quality | measured),
        segments=(),
        importances=(),
        left_out=(),
        leaks=(),
        readiness=Readiness.READY,
        reasons=(),
    )


def test_the_best_tenth_is_told_with_the_share_of_the_leads_it_was_tested_on() -> None:
    told = card_text("v", card(won_share=0.18, won_share_at_tenth=0.486))
    assert "won 2.70 times as often as all of them (48.6% against 18.0%)" in told


@pytest.mark.parametrize("measured", [{}, {"won_share": 0.18}, {"won_share_at_tenth": 0.486}])
def test_a_card_from_before_the_shares_were_kept_tells_the_ratio_only(measured: dict[str, float]) -> None:
    told = card_text("v", card(**measured))
    assert "best tenth of the tested leads: won 2.70 times as often as all of them\n" in told
    assert not {"0.052", "5.2%", "14.0%"} & set(told.replace("(", " ").replace(")", " ").split())
