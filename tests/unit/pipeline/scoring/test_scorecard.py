"""The rung that cannot fail: base and terms are the score, for any card and any lead."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import Misconfigured
from pipeline.scoring.scorecard import HIGHEST_CONFIDENCE, Judgement, Scorecard
from pipeline.settings.loader import load
from schemas.score import Value
from schemas.scorecard import ScorecardConfig
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW, cards

CARD = ScorecardConfig.model_validate(
    {
        "base": 40,
        "features": [
            {
                "attribute": "budget",
                "label": "Budget",
                "kind": "number",
                "missing": -5,
                "bins": [{"below": 100, "points": 10, "label": "small"}, {"points": 30, "label": "large"}],
            },
            {
                "attribute": "source",
                "label": "Source",
                "kind": "category",
                "bins": [{"words": ["Ads"], "points": -10, "label": "advertising"}],
                "other": {"points": 2, "label": "elsewhere"},
            },
        ],
    }
)


def judged(card: ScorecardConfig, *leads: dict[str, Value]) -> Judgement:
    model = Scorecard(card)
    matrix = model.features.matrix([model.features.values(lead, NOW) for lead in leads])
    return model.judge(model.features.bins(matrix, NOW))


@given(cards(), st.lists(ATTRIBUTES, min_size=1, max_size=5))
def test_base_and_terms_are_the_score_but_for_the_clip(card: ScorecardConfig, leads: list[dict[str, Value]]) -> None:
    result = judged(card, *leads)
    for score, confidence, terms in zip(result.scores, result.confidences, result.terms, strict=True):
        assert score == np.clip(card.base + terms.sum(), 0, 100)
        assert 0 <= confidence <= HIGHEST_CONFIDENCE


@given(cards(), st.lists(ATTRIBUTES, min_size=2, max_size=5))
def test_a_leads_score_does_not_depend_on_its_bundle(card: ScorecardConfig, leads: list[dict[str, Value]]) -> None:
    together = judged(card, *leads)
    for n, lead in enumerate(leads):
        alone = judged(card, lead)
        assert (alone.scores[0], alone.confidences[0]) == (together.scores[n], together.confidences[n])


def test_each_bin_has_its_points() -> None:
    result = judged(CARD, {}, {"budget": 99, "source": "ads"}, {"budget": 100, "source": "TV"}, {"source": "Select"})
    assert result.terms.tolist() == [[-5, 0], [10, -10], [30, 2], [-5, 0]]
    assert result.scores.tolist() == [35, 40, 72, 35]


def test_confidence_is_the_weight_of_what_is_known() -> None:
    assert judged(CARD, {}, {"budget": 1}, {"source": "x"}, {"budget": 1, "source": "x"}).confidences.tolist() == (
        pytest.approx([0, 0.8 * 30 / 40, 0.8 * 10 / 40, 0.8])
    )


def test_the_same_card_is_the_same_version_and_another_is_not() -> None:
    changed = CARD.model_copy(update={"base": 41})
    assert Scorecard(CARD).version == Scorecard(CARD.model_copy()).version != Scorecard(changed).version


def test_a_card_survives_being_stored() -> None:
    stored = ScorecardConfig.model_validate(CARD.model_dump(mode="json"))
    assert Scorecard(stored).version == Scorecard(CARD).version


@pytest.mark.parametrize(
    "bins",
    [
        [{"points": 1, "label": "a"}, {"points": 2, "label": "b"}],
        [{"below": 5, "points": 1, "label": "a"}],
        [{"below": 5, "points": 1, "label": "a"}, {"below": 4, "points": 2, "label": "b"}, {"points": 3, "label": "c"}],
        [],
    ],
)
def test_a_card_whose_ranges_leave_gaps_is_refused(bins: list[dict[str, object]]) -> None:
    rule = {"attribute": "x", "label": "X", "kind": "number", "bins": bins}
    with pytest.raises(ValidationError):
        ScorecardConfig.model_validate({"base": 1, "features": [rule]})


def test_a_card_that_uses_a_name_twice_is_refused() -> None:
    twice = {**CARD.model_dump(), "features": [CARD.features[0].model_dump()] * 2}
    with pytest.raises(ValidationError, match="used twice: budget"):
        ScorecardConfig.model_validate(twice)


def test_one_name_for_two_attributes_is_refused_however_it_is_written() -> None:
    budget, source = CARD.model_dump()["features"]
    card = ScorecardConfig.model_validate({"base": 1, "features": [budget, {**source, "aliases": ["Budget"]}]})
    with pytest.raises(Misconfigured, match="'Budget' stands for both budget and source"):
        Scorecard(card)


def test_the_configured_card_is_one(tmp_path: Path) -> None:
    card = load(tmp_path).scorecard
    assert len(Scorecard(card).features.features) == len(card.features)
