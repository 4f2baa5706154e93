"""Levers say what the lead has, and pulled to where they stand they change nothing."""

from datetime import timedelta

from hypothesis import given, settings

from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from pipeline.scoring.what_if import what_if_inputs
from schemas.score import Value
from schemas.scorecard import ScorecardConfig
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW
from tests.unit.pipeline.scoring.tables import scorers


@given(scorers(), ATTRIBUTES)
@settings(max_examples=80)
def test_a_lever_where_it_stands_changes_no_score(scorer: Scorer, attributes: dict[str, Value]) -> None:
    found = [lever for lever in what_if_inputs(scorer.model, attributes, NOW, NOW) if lever.kind != "days"]
    pulled = {lever.attribute: lever.value for lever in found if lever.value is not None}
    assert scorer.attempt({**attributes, **pulled}, NOW).score == scorer.attempt(attributes, NOW).score
    assert all(lever.low <= lever.value <= lever.high for lever in found if isinstance(lever.value, float))


def test_each_kind_has_its_unit() -> None:
    card = ScorecardConfig.model_validate(
        {
            "base": 20,
            "features": [
                {"attribute": "budget", "aliases": ["amount"], "label": "Budget", "kind": "number"}
                | {"bins": [{"below": 100, "points": 0, "label": "low"}, {"points": 5, "label": "high"}]},
                {"attribute": "role", "label": "Role", "kind": "category", "other": {"points": 0, "label": "other"}}
                | {"bins": [{"words": ["chief", "ceo"], "points": 5, "label": "decides"}]},
                {"attribute": "seen", "label": "Seen", "kind": "age"}
                | {"bins": [{"below": 10, "points": 5, "label": "lately"}, {"points": 0, "label": "long ago"}]},
            ],
        }
    )
    told: dict[str, Value] = {"amount": "$250", "role": "CEO", "seen": (NOW - timedelta(days=3)).isoformat()}
    budget, role, seen = what_if_inputs(Scorecard(card), told, NOW, NOW)
    assert (budget.kind, budget.value, budget.low, budget.high) == ("number", 250, 0, 250)
    assert (role.kind, role.value, role.words) == ("word", "chief", ("chief",))
    assert (seen.kind, seen.value, seen.high) == ("days", 3, 15)
    assert what_if_inputs(Scorecard(card), {"role": "Baker"}, NOW, NOW)[1].value == "baker"
