"""What wins because something tells the outcome is not put in charge without a person."""

from typing import Any

import pytest

from pipeline.learning.promotion_hold import hold_reason
from pipeline.learning.training import TrainingConfig, train
from schemas.model_card import Leak, LeftOut, ModelCard, Readiness
from schemas.scorecard import TierCuts
from schemas.training import TrainingOptions
from tests.unit.pipeline.learning.leads import examples, split

LEAK = (Leak(attribute="Signed", roc_auc=0.97),)
ANY = TrainingOptions()


@pytest.fixture(scope="module")
def card() -> ModelCard:
    honest = train(split(examples(400)), TrainingConfig(TierCuts())).card
    return honest.model_copy(update={"readiness": Readiness.READY})


def told(card: ModelCard, wishes: TrainingOptions = ANY, of_champion: TrainingOptions = ANY, **changed: Any) -> str:
    return hold_reason(card.model_copy(update=changed), wishes, of_champion) or ""


def test_an_honest_winner_needs_nobody(card: ModelCard) -> None:
    assert hold_reason(card, ANY, ANY) is None
    left_out = (LeftOut(attribute="Signed", reason="it tells"),)
    assert told(card, leaks=LEAK, left_out=left_out) == ""
    same = TrainingOptions(without=("Visits",), trusted=("closed",))
    assert told(card, TrainingOptions(without=("visits", "source"), trusted=("Closed",)), same) == ""


def test_what_is_too_good_or_learned_from_a_leak_waits_for_a_person(card: ModelCard) -> None:
    too_good = card.quality.model_copy(update={"roc_auc": 0.96})
    assert told(card, quality=too_good) == "ROC-AUC 0.96 is too good to be true; a person decides"
    assert "learned from Signed" in told(card, leaks=LEAK)
    assert told(card, readiness=Readiness.NOT_READY) == "its card says that it is not ready"


def test_what_was_allowed_more_than_the_champion_waits_for_a_person(card: ModelCard) -> None:
    assert "it was allowed visits," in told(card, ANY, TrainingOptions(without=("Visits",)))
    assert "it was allowed closed," in told(card, TrainingOptions(trusted=("closed",)))
