"""What moved between two scores adds up to the difference."""

import pytest
from hypothesis import given, settings

from pipeline.scoring.explain import unpack_places
from pipeline.scoring.model import Model
from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from pipeline.scoring.term_moves import across, within
from schemas.score import TermMove, Value
from schemas.scorecard import ScorecardConfig, TierCuts
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW, waiting
from tests.unit.pipeline.scoring.tables import models, scorers


@given(models(), models(), ATTRIBUTES, ATTRIBUTES)
@settings(max_examples=60)
def test_between_two_models_the_moves_add_up_to_the_difference_of_the_sums(
    old: Model, new: Model, before: dict[str, Value], after: dict[str, Value]
) -> None:
    scorers = [Scorer(model, TierCuts()) for model in (old, new)]
    terms = [
        scorer.terms(scorer.score([waiting(attributes)], NOW)[0].bins)
        for scorer, attributes in zip(scorers, (before, after), strict=True)
    ]
    moved = across(*terms)
    sums = [sum(term.points for term in of.values()) for of in terms]
    assert sum(move.points for move in moved) == pytest.approx(sums[1] - sums[0], abs=0.01 * 14)
    _tell_the_largest_first(moved)


@given(scorers(), ATTRIBUTES, ATTRIBUTES)
@settings(max_examples=60)
def test_within_a_model_the_moves_are_the_difference_of_the_sums_and_only_of_what_changed(
    scorer: Scorer, before: dict[str, Value], after: dict[str, Value]
) -> None:
    old, new = [row.bins for row in scorer.score([waiting(before), waiting(after)], NOW)]
    moved = within(scorer.model, old, new)
    places = [unpack_places(packed) for packed in (old, new)]
    sums = [scorer.model.points(of).sum() for of in places]
    assert sum(move.points for move in moved) == pytest.approx(sums[1] - sums[0], abs=0.005 * 8)
    changed = (places[0] != places[1])[0]
    named = {words[0].attribute for words, other in zip(scorer.model.wordings, changed, strict=True) if other}
    assert {move.attribute for move in moved} <= named
    _tell_the_largest_first(moved)


def _tell_the_largest_first(moved: tuple[TermMove, ...]) -> None:
    assert all(move.points for move in moved)
    assert [abs(move.points) for move in moved] == sorted((abs(move.points) for move in moved), reverse=True)


def test_a_term_is_told_by_what_was_seen_then_and_now() -> None:
    rule = {"attribute": "visits", "label": "Visits", "kind": "number"}
    bins = [{"below": 5, "points": 1, "label": "a few visits"}, {"points": 6, "label": "many visits"}]
    scorer = Scorer(
        Scorecard(ScorecardConfig.model_validate({"base": 20, "features": [{**rule, "bins": bins}]})), TierCuts()
    )
    [old, new] = scorer.score([waiting({}), waiting({"visits": 9})], NOW)
    [move] = within(scorer.model, old.bins, new.bins)
    assert across(scorer.terms(old.bins), scorer.terms(new.bins)) == (move,)
    assert (move.attribute, move.before, move.after, move.points) == ("visits", "Visits not known", "many visits", 6)
