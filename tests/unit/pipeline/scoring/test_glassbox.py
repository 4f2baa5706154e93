"""A learned model is exactly the sum of its terms, and is used only as it was stored."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import GiveUp
from pipeline.scoring.glassbox import GlassBoxModel, open_artefact
from schemas.glassbox import GlassBoxArtefact
from schemas.score import Value
from tests.unit.pipeline.scoring.cards import ATTRIBUTES, NOW
from tests.unit.pipeline.scoring.tables import tables

LEADS = st.lists(ATTRIBUTES, min_size=1, max_size=5)


def bins_of(box: GlassBoxModel, leads: list[dict[str, Value]]) -> "np.ndarray[tuple[int, int], np.dtype[np.intp]]":
    return box.features.bins(box.features.matrix([box.features.values(lead, NOW) for lead in leads]), NOW)


@given(tables(), LEADS)
@settings(max_examples=60)
def test_intercept_and_terms_are_the_logit_of_the_score(model: GlassBoxArtefact, leads: list[dict[str, Value]]) -> None:
    box = GlassBoxModel(model)
    judged = box.judge(bins_of(box, leads))
    logits = model.intercept + box.logits(judged.places).sum(axis=1)
    assert judged.scores / 100 == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)
    chance = np.clip(judged.scores / 100, 1e-12, 1 - 1e-12)
    # Where a double still tells a chance from certainty.
    apart = np.abs(logits) < 14
    assert np.log(chance / (1 - chance))[apart] == pytest.approx(logits[apart], abs=1e-6)


@given(tables(), LEADS)
@settings(max_examples=60)
def test_base_and_points_are_the_score_and_keep_the_signs_of_the_logits(
    model: GlassBoxArtefact, leads: list[dict[str, Value]]
) -> None:
    box = GlassBoxModel(model)
    judged = box.judge(bins_of(box, leads))
    assert box.base + judged.terms.sum(axis=1) == pytest.approx(judged.scores, abs=1e-6)
    assert (np.sign(judged.terms) == np.sign(box.logits(judged.places))).all()
    assert (judged.terms == box.points(judged.places)).all()
    assert ((judged.confidences >= 0) & (judged.confidences <= 1)).all()


@given(tables(), LEADS)
@settings(max_examples=30)
def test_each_place_is_the_cell_that_the_bins_name(model: GlassBoxArtefact, leads: list[dict[str, Value]]) -> None:
    box = GlassBoxModel(model)
    bins = bins_of(box, leads)
    for lead, places in zip(bins, box.judge(bins).places, strict=True):
        for term, place in zip(model.terms, places, strict=True):
            table = np.arange(len(term.logits)).reshape([max(axis.rows) + 1 for axis in term.axes])
            assert table[tuple(axis.rows[lead[axis.feature]] for axis in term.axes)] == place


def test_a_lead_is_scored_alike_alone_and_among_many() -> None:
    box = GlassBoxModel(_model(0.4))
    leads: list[dict[str, Value]] = [{"visits": n % 9} for n in range(9000)]
    together = box.judge(bins_of(box, leads))
    for n in (0, 4095, 4096, 8999):
        alone = box.judge(bins_of(box, [leads[n]]))
        assert alone.scores[0] == together.scores[n]
        assert (alone.terms[0] == together.terms[n]).all()


@given(tables())
@settings(max_examples=30)
def test_an_artefact_opens_after_any_journey_through_json(model: GlassBoxArtefact) -> None:
    stored = json.loads(json.dumps(GlassBoxModel(model).artefact(), sort_keys=True))
    assert open_artefact(stored).version == GlassBoxModel(model).version


def test_a_damaged_artefact_is_not_used() -> None:
    whole = GlassBoxModel(_model(0.4)).artefact()
    with pytest.raises(GiveUp, match="checksum"):
        open_artefact({**whole, "intercept": 0.5})
    with pytest.raises(GiveUp, match="not valid"):
        open_artefact({**whole, "terms": whole["terms"][:0]})
    with pytest.raises(GiveUp, match="not valid"):
        open_artefact({**whole, "format": 2})
    short = [{**whole["terms"][0], "logits": [0.1]}]
    with pytest.raises(GiveUp, match="not valid"):
        open_artefact({**whole, "terms": short})


def test_what_is_unknown_and_where_bags_disagree_costs_confidence() -> None:
    sure, unsure = GlassBoxModel(_model(0.01)), GlassBoxModel(_model(0.4))
    known: dict[str, Value] = {"visits": 7}
    assert _confidence(sure, known) > _confidence(unsure, known) > 0
    assert _confidence(sure, {}) == 0


def test_a_place_is_told_in_the_words_of_its_feature() -> None:
    labels = [[wording.label for wording in wordings] for wordings in GlassBoxModel(_model(0)).wordings]
    assert labels == [["Visits not known", "Visits below 3", "Visits 3 to 12,000", "Visits from 12,000"]]


def _confidence(box: GlassBoxModel, lead: dict[str, Value]) -> float:
    return float(box.judge(bins_of(box, [lead])).confidences[0])


def _model(variance: float) -> GlassBoxArtefact:
    return GlassBoxArtefact.model_validate(
        {
            "intercept": -0.5,
            "doubt": 1,
            "features": [{"name": "visits", "label": "Visits", "kind": "number", "cuts": [3, 12000]}],
            "terms": [
                {
                    "axes": [{"feature": 0, "rows": [0, 1, 2, 3]}],
                    "logits": [0, -1, 0.5, 1],
                    "variances": [variance] * 4,
                    "importance": 1,
                }
            ],
        }
    ).sealed()
