"""Computes the terms of a learned model as a chart shows them, from its tables only."""

import numpy as np

from pipeline.scoring.glassbox import DEVIATIONS, sigmoid
from pipeline.scoring.term_words import axis_rows
from schemas.glassbox import Axis, GlassBoxArtefact, GlassBoxTerm
from schemas.term_shape import ShapeAxis, ShapeRow, TermShape

DECIMALS = 2  # of points


def shapes(tables: GlassBoxArtefact) -> tuple[TermShape, ...]:
    """The shape of each term, the most important first."""
    unordered = [_shape(tables, term) for term in tables.terms]
    return tuple(sorted(unordered, key=lambda shape: -shape.importance))


def _shape(tables: GlassBoxArtefact, term: GlassBoxTerm) -> TermShape:
    logits = tables.intercept + np.array(term.logits)
    chance, base = sigmoid(logits), sigmoid(tables.intercept)
    deviations = np.sqrt(tables.doubt * np.array(term.variances))
    return TermShape(
        axes=tuple(_axis(tables, axis) for axis in term.axes),
        points=tuple(np.round(100 * (chance - base), DECIMALS).tolist()),
        doubts=tuple(np.round(100 * DEVIATIONS * deviations * chance * (1 - chance), DECIMALS).tolist()),
        importance=term.importance,
    )


def _axis(tables: GlassBoxArtefact, axis: Axis) -> ShapeAxis:
    feature = tables.features[axis.feature]
    rows = tuple(ShapeRow(label=row.label, low=row.low, high=row.high) for row in axis_rows(feature, axis))
    return ShapeAxis(attribute=feature.name, label=feature.label, kind=feature.kind, rows=rows)
