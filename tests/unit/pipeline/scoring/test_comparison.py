"""What moved between two scores adds up to the difference."""

import pytest
from hypothesis import given, settings

from pipeline.scoring.comparison import moves
from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from schemas.score import Value
from schemas.scorecard import ScorecardConfig, TierCuts
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW, cards, waiting


@given(cards(), cards(), ATTRIBUTES, ATTRIBUTES)
@settings(max_examples=60)
def test_base_and_moves_add_up_to_the_difference_of_the_sums(
    old: ScorecardConfig, new: ScorecardConfig, before: dict[str, Value], after: dict[str, Value]
) -> None:
    scorers = [Scorer(Scorecard(card), TierCuts()) for card in (old, new)]
    terms = [
        scorer.terms(scorer.score([waiting(attributes)], NOW)[0].bins)
        for scorer, attributes in zip(scorers, (before, after), strict=True)
    ]
    moved = moves(*terms)
    sums = [sum(term.points for term in of.values()) for of in terms]
    assert sum(move.points for move in moved) == pytest.approx(sums[1] - sums[0], abs=0.01 * 14)
    assert all(move.points for move in moved)
    assert [abs(move.points) for move in moved] == sorted((abs(move.points) for move in moved), reverse=True)


def test_a_term_is_told_by_what_was_seen_then_and_now() -> None:
    rule = {"attribute": "visits", "label": "Visits", "kind": "number"}
    bins = [{"below": 5, "points": 1, "label": "a few visits"}, {"points": 6, "label": "many visits"}]
    scorer = Scorer(
        Scorecard(ScorecardConfig.model_validate({"base": 20, "features": [{**rule, "bins": bins}]})), TierCuts()
    )
    terms = [scorer.terms(row.bins) for row in scorer.score([waiting({}), waiting({"visits": 9})], NOW)]
    [move] = moves(*terms)
    assert (move.attribute, move.before, move.after, move.points) == ("visits", "Visits not known", "many visits", 6)
