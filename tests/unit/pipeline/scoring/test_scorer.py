"""Leads in, rows out: what is saved, what is announced and what is read later agree."""

import math
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.explain import unpack
from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from schemas.lead import ScoredLead
from schemas.score import Value
from schemas.scorecard import ScorecardConfig, TierCuts
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW, waiting
from tests.unit.pipeline.scoring.tables import scorers

ABSURD: list[dict[str, Value]] = [
    {},
    {"f0": float("nan"), "f1": float("inf")},
    {"f0": 1e308, "f1": -1e308, "f2": 10**18 - 1},
    {"f0": "x" * 10_000},
    {"f0": "🎉", "שלום": "עולם", "f1": "مرحبا", "f2": "\u202e gnp.exe"},
    {f"a{n}": n for n in range(500)},
    {"f0": "\ufffd", "f1": "nan", "f2": "-inf", "f3": "1e999"},
    {"f0": "0001-01-01T00:00:00+23:59", "f1": "9999-12-31T23:59:59-23:59"},
    {"f0": True, "f1": False, "f2": None},
]


def event(body: str) -> ScoredLead:
    """The publisher fills in what only the guarded write knows."""
    read = orjson.loads(body)
    read["previous_score"] = None
    read["score"] |= {"rev": 1, "updated_at": NOW}
    return ScoredLead.model_validate(read)


@given(scorers(), st.lists(ATTRIBUTES | st.sampled_from(ABSURD), min_size=1, max_size=6))
def test_any_lead_is_scored_and_its_event_is_valid(model: Scorer, leads: list[dict[str, Value]]) -> None:
    rows = model.score([waiting(lead, n) for n, lead in enumerate(leads, 1)], NOW)
    assert [row.lead_id for row in rows] == list(range(1, len(leads) + 1))
    for row in rows:
        announced = event(row.body).score
        assert (announced.score, announced.confidence, announced.tier) == (row.score, row.confidence, row.tier)
        assert (announced.lead_revision, announced.engine) == (1, model.model.engine)
        assert len(row.vector) == 4 * len(model.model.features.features)
        points = [abs(float(term["points"])) for term in unpack(row.factors)]
        assert points == sorted(points, reverse=True)


@given(scorers(), ATTRIBUTES)
def test_what_is_read_later_is_what_was_announced(model: Scorer, lead: dict[str, Value]) -> None:
    [row] = model.score([waiting(lead)], NOW)
    announced = event(row.body).score
    known = {name: value for name, value in lead.items() if not (isinstance(value, float) and not math.isfinite(value))}
    read = model.read(row.factors, row.score, row.confidence, announced.tier, known, NOW)
    assert read["explanation"] == announced.explanation
    assert (read["base"], read["others"]) == (announced.base, announced.others)
    assert [(f.attribute, f.label, f.points) for f in read["factors"]] == [
        (f.attribute, f.label, f.points) for f in announced.factors
    ]


@given(scorers(), ATTRIBUTES)
def test_what_is_shown_adds_up_to_the_score(model: Scorer, lead: dict[str, Value]) -> None:
    [row] = model.score([waiting(lead)], NOW)
    shown = event(row.body).score
    total = shown.base + sum(factor.points for factor in shown.factors) + shown.others
    assert total == pytest.approx(shown.score, abs=0.006)  # `others` is told in hundredths


@given(scorers(), ATTRIBUTES)
def test_a_reader_without_attributes_gets_no_value(model: Scorer, lead: dict[str, Value]) -> None:
    [row] = model.score([waiting(lead)], NOW)
    factors = model.read(row.factors, row.score, row.confidence, event(row.body).score.tier, None, NOW)["factors"]
    assert [factor.value for factor in factors] == [None] * len(factors)


@given(scorers(), ATTRIBUTES)
def test_an_attempt_is_the_score_that_would_be_saved(model: Scorer, lead: dict[str, Value]) -> None:
    [row] = model.score([waiting(lead)], NOW)
    tried = model.attempt(lead, NOW)
    assert (tried.score, tried.tier, tried.confidence) == (row.score, row.tier, row.confidence)
    assert (tried.lead_id, tried.rev, tried.lead_revision) == ("", 0, 0)


@pytest.mark.parametrize("days", [0, 40, 4000])
def test_the_clock_is_an_argument(days: int) -> None:
    rule = {
        "attribute": "seen",
        "aliases": ["$active_at"],
        "label": "Seen",
        "kind": "age",
        "bins": [{"below": 30, "points": 20, "label": "lately"}, {"points": -20, "label": "long ago"}],
    }
    model = Scorer(Scorecard(ScorecardConfig.model_validate({"base": 50, "features": [rule]})), TierCuts())
    [row] = model.score([waiting({})], NOW + timedelta(days=days))
    assert row.score == (70 if days == 0 else 30)
