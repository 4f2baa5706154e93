"""From examples to a model with its card: what is learned, what is refused, what is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import GiveUp
from pipeline.learning.training import TrainedModel, TrainingConfig, chances, outcomes, train
from pipeline.scoring.glassbox import GlassBoxModel, open_artefact
from pipeline.scoring.scorer import Scorer
from schemas.example import Example, Split
from schemas.model_card import ModelCard, Readiness
from schemas.scorecard import TierCuts
from tests.unit.pipeline.learning.leads import BEGAN, auc_of_rule, examples, split
from tests.unit.pipeline.scoring.cards import waiting

WISHES = TrainingConfig(TierCuts(), segments=("source",))
FEW = examples(600)


@pytest.fixture(scope="module")
def many() -> TrainedModel:
    return train(split(examples(2500)), WISHES)


@pytest.fixture(scope="module")
def few() -> TrainedModel:
    return train(split(FEW), WISHES)


def test_what_is_learned_is_nearly_as_good_as_the_rule(many: TrainedModel) -> None:
    newer = examples(4000, seed=2)[2500:]
    best = roc_auc_score(outcomes(newer), auc_of_rule(newer))
    assert roc_auc_score(outcomes(newer), chances(many.model, newer)) > best - 0.02
    assert many.card.readiness == Readiness.READY


def test_few_leads_are_learned_by_regression_and_many_by_boosting(few: TrainedModel, many: TrainedModel) -> None:
    assert (few.card.method, many.card.method) == ("logistic regression", "explainable boosting machine")


def test_the_test_is_the_newest_fifth_whatever_order_the_leads_come_in(few: TrainedModel) -> None:
    assert few.card.trained_on.until < few.card.tested_on.since
    assert (few.card.trained_on.leads, few.card.tested_on.leads) == (480, 120)
    assert train(split(FEW[::-1]), WISHES) == few


def test_a_model_scores_where_the_scorecard_does(many: TrainedModel) -> None:
    scorer = Scorer(open_artefact(GlassBoxModel(many.model).artefact()), TierCuts())
    attributes = FEW[0].attributes
    [row] = scorer.score([waiting(attributes)], FEW[0].as_of)
    [chance] = chances(many.model, FEW[:1])
    assert row.score == pytest.approx(100 * chance, abs=1e-4)
    assert scorer.attempt(attributes, FEW[0].as_of).explanation.count("(") >= 2


def test_the_card_tells_what_was_left_out_and_what_counts(many: TrainedModel) -> None:
    reasons = {out.attribute: out.reason for out in many.card.left_out}
    assert set(reasons) == {"lead_id", "remark", "campaign"}
    assert {term.attribute for term in many.card.importances[:4]} == {"source", "visits", "seen_at", "newsletter"}
    assert ModelCard.model_validate_json(many.card.model_dump_json()) == many.card
    assert sum(bucket.leads for bucket in many.card.quality.calibration) == many.card.tested_on.leads
    tiers = many.card.quality.tiers
    assert sum(tier.won + tier.lost for tier in tiers) == many.card.tested_on.leads
    assert sum(segment.leads for segment in many.card.segments) == many.card.tested_on.leads


def test_an_attribute_that_tells_the_outcome_is_named_and_left_out_unless_it_is_trusted() -> None:
    told = [e._replace(attributes={**e.attributes, "verdict": "good" if e.won else "bad"}) for e in FEW]
    card = train(split(told), WISHES).card
    assert [leak.attribute for leak in card.leaks] == ["verdict"]
    assert "verdict" in {out.attribute for out in card.left_out}
    trusting = train(split(told), replace(WISHES, trusted=("Verdict",))).card
    assert "verdict" in {term.attribute for term in trusting.importances}
    assert trusting.readiness == Readiness.FAIR
    assert "too good to be true" in trusting.reasons[0]


def test_a_moment_that_is_always_now_while_a_lead_is_early_is_left_out() -> None:
    def met(example: Example, days: float) -> Example:
        at = (example.as_of - timedelta(days=days)).isoformat()
        return example._replace(attributes={**example.attributes, "met_at": at})

    for days, is_learned in ((0.01, False), (-3.0, False), (2.0, True)):
        # One in thirty was met long before.
        card = train(split([met(e, 40 if n % 30 == 0 else days) for n, e in enumerate(FEW)]), WISHES).card
        assert ("met_at" in {term.attribute for term in card.importances}) == is_learned
        reasons = [out.reason for out in card.left_out if out.attribute == "met_at"]
        assert len(reasons) == (not is_learned)
        assert all("while a lead is early" in reason for reason in reasons)


def test_outcomes_that_follow_nothing_make_no_model_to_trust() -> None:
    turned = outcomes(examples(600, seed=9)).tolist()
    card = train(split([e._replace(won=won) for e, won in zip(FEW, turned, strict=True)]), WISHES).card
    assert card.readiness == Readiness.NOT_READY
    assert "chance" in card.reasons[0]


def test_words_never_seen_and_a_number_that_became_text_are_scored_with_less_confidence(many: TrainedModel) -> None:
    scorer = Scorer(GlassBoxModel(many.model), TierCuts())
    usual = scorer.attempt({**FEW[0].attributes, "source": "ads", "visits": 3}, FEW[0].as_of)
    turned = scorer.attempt({**FEW[0].attributes, "source": "a fair", "visits": "many"}, FEW[0].as_of)
    assert 0 <= turned.score <= 100
    assert turned.confidence < usual.confidence - 0.1
    assert "Visits not known" in {factor.label for factor in turned.factors}


def test_a_column_that_turns_from_number_to_text_between_training_and_test_shows_in_the_figures(
    few: TrainedModel,
) -> None:
    known = split(FEW)
    turned = [e._replace(attributes={**e.attributes, "visits": f"{e.attributes['visits']} calls"}) for e in known.newer]
    card = train(known._replace(newer=turned), WISHES).card
    assert card.importances == few.card.importances
    assert card.quality.roc_auc < few.card.quality.roc_auc


def test_samples_and_leads_that_came_with_their_outcome_are_told() -> None:
    whole = split(FEW)
    assert whole.older_window is not None
    assert whole.newer_window is not None
    windows = [window.model_copy(update={"imported": 7}) for window in (whole.older_window, whole.newer_window)]
    card = train(Split(whole.older[::2], whole.newer[::2], *windows), WISHES).card
    assert (card.trained_on.leads, card.sampled) == (480, 240)
    assert (card.tested_on.leads, card.test_sampled) == (120, 60)
    assert "7 of the 120 leads" in card.reasons[-1]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([], "0 leads were won and 0 lost; a model needs at least 40 of each"),
        (FEW[:60], "at least 40 of each"),
        ([e._replace(won=True) for e in FEW], "600 leads were won and 0 lost"),
        ([e._replace(won=n < 300) for n, e in enumerate(FEW)], "of the newest 120 leads 0 were won"),
    ],
)
def test_too_few_outcomes_are_refused_with_the_counts_and_what_is_needed(known: list[Example], words: str) -> None:
    with pytest.raises(GiveUp, match=words):
        train(split(known), WISHES)


def test_leads_that_tell_nothing_are_refused() -> None:
    with pytest.raises(GiveUp, match="no attribute is left to learn from"):
        train(split([Example(n, {"campaign": "spring"}, BEGAN, n % 2 == 0) for n in range(200)]), WISHES)
