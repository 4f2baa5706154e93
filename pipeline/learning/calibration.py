"""Fits a straight line through the logits, so that thirty of a hundred leads with score 30 are won.

A line keeps the model additive; isotonic regression would not (Platt 1999).
"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from pipeline.learning.additive import AdditiveModel
from pipeline.scoring.features import Bins

ENOUGH = 1000  # leads; from fewer the line would be further off than the model is
NO_PENALTY = 1e9


class Line(NamedTuple):
    slope: float
    shift: float


def calibrate(model: AdditiveModel, bins: Bins, won: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Line:
    """The calibration line, fitted on what each bag says about the leads that were held out of it."""
    bags_held_out = model.held_out.sum(axis=1)
    usable = bags_held_out > 0
    if usable.sum() < ENOUGH:
        return Line(1.0, 0.0)
    logits = np.where(model.held_out, model.bag_logits(bins), 0).sum(axis=1)[usable] / bags_held_out[usable]
    line = LogisticRegression(C=NO_PENALTY).fit(logits[:, np.newaxis], won[usable])
    slope = float(line.coef_[0, 0])
    # A model that is no better than chance must not be inverted.
    return Line(slope, float(line.intercept_[0])) if slope > 0 else Line(1.0, 0.0)
