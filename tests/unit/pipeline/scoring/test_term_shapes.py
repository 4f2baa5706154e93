"""The terms of a learned model as a chart shows them."""

import numpy as np
import pytest
from hypothesis import given

from pipeline.scoring.glassbox import GlassBoxModel
from pipeline.scoring.term_shapes import shapes
from schemas.glassbox import Axis, GlassBoxArtefact, GlassBoxFeature, GlassBoxTerm
from schemas.term_shape import TermShape
from tests.unit.pipeline.scoring.tables import tables


@given(tables())
def test_a_shape_has_a_point_and_a_doubt_for_every_place_and_the_largest_comes_first(model: GlassBoxArtefact) -> None:
    found = shapes(model)
    places = sorted(len(term.logits) for term in model.terms)
    assert sorted(len(shape.points) for shape in found) == places
    for shape in found:
        rows = [len(axis.rows) for axis in shape.axes]
        assert len(shape.points) == len(shape.doubts) == np.prod(rows)
        assert min(shape.doubts) >= 0
        assert TermShape.model_validate_json(shape.model_dump_json()) == shape
    weights = [shape.importance for shape in found]
    assert weights == sorted(weights, reverse=True)


@given(tables())
def test_the_points_are_those_of_a_lead_of_whom_only_this_moves_the_score(model: GlassBoxArtefact) -> None:
    [first, *_] = model.terms
    alone = GlassBoxArtefact(intercept=model.intercept, doubt=0, features=model.features, terms=(first,))
    [shape] = shapes(alone)
    places = np.arange(len(first.logits), dtype=np.intp)[:, np.newaxis]
    assert shape.points == pytest.approx(GlassBoxModel(alone).points(places)[:, 0], abs=0.006)


def test_ranges_have_ends_and_words_have_none() -> None:
    features = (
        GlassBoxFeature(name="visits", label="Visits", kind="number", cuts=(2.0, 5.0)),
        GlassBoxFeature(name="source", label="Source", kind="category", words=(("ads",),)),
    )
    axes = (Axis(feature=0, rows=(0, 1, 2, 3)), Axis(feature=1, rows=(0, 1, 2)))
    term = GlassBoxTerm(axes=axes, logits=(0.0,) * 12, variances=(0.0,) * 12, importance=1)
    [shape] = shapes(GlassBoxArtefact(intercept=0, doubt=1, features=features, terms=(term,)))
    assert [(row.low, row.high) for row in shape.axes[0].rows] == [(None, None), (None, 2), (2, 5), (5, None)]
    assert [row.label for row in shape.axes[1].rows] == ["Source not known", "Source: ads", "Source: another"]
