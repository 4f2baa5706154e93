"""Fits a logistic regression as tables: for few leads, where boosting would learn the noise.

Numbers are cut into ranges before fitting and each range counts as its mean, so the tables are the model exactly.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pipeline.learning.additive import AdditiveModel, Floats, TermTable, TrainingMatrix
from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import MISSING_BIN, Bins, FeatureSet, Matrix

BAGS = 16
RANGES = 32
STRENGTH = 1.0  # inverse of the penalty on the squares, for columns of unit variance
ITERATIONS = 500


def fit(training: TrainingMatrix, *, seed: int) -> AdditiveModel:
    """Fits one model a bag. Bags are drawn with replacement from either outcome; what was not drawn is held out."""
    features = tuple(_cut(f, training.readings[:, n]) for n, f in enumerate(training.features))
    bins = FeatureSet(features).binned(training.readings)
    columns = [_columns(f, bins[:, n], training.readings[:, n]) for n, f in enumerate(features)]
    design = np.concatenate([column[bins[:, n]] for n, column in enumerate(columns)], axis=1)
    drawn = _drawn(training.won, seed)
    fitted = [_coefficients(design, training.won, bag) for bag in drawn.T]
    tables, moved = [], np.zeros(BAGS)
    at = 0
    for n, column in enumerate(columns):
        logits = np.stack([column @ weights[at : at + column.shape[1]] for weights, _ in fitted])
        at += column.shape[1]
        # Centred, so that a term says by how much a lead differs from the average one.
        middle = logits[:, bins[:, n]].mean(axis=1)
        moved += middle
        tables.append(TermTable(((n, tuple(range(len(column)))),), logits - middle[:, np.newaxis]))
    intercepts = np.array([intercept for _, intercept in fitted]) + moved
    return AdditiveModel(features, tuple(tables), intercepts, drawn == 0)


def _drawn(won: NDArray[np.bool_], seed: int) -> NDArray[np.int_]:
    """How often each lead is in each bag (n, bags)."""
    chance = np.random.default_rng(seed)
    counts = np.zeros((len(won), BAGS), int)
    for bag in range(BAGS):
        for outcome in (True, False):
            of = np.flatnonzero(won == outcome)
            np.add.at(counts[:, bag], chance.choice(of, len(of)), 1)
    return counts


def _coefficients(design: Floats, won: NDArray[np.bool_], drawn: NDArray[np.int_]) -> tuple[Floats, float]:
    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(design, won, sample_weight=drawn)
    return model.coef_[0], float(model.intercept_[0])


def _cut(feature: Feature, readings: Matrix) -> Feature:
    if feature.kind == "category":
        return feature
    present = readings[~np.isnan(readings)]
    cuts = np.unique(np.quantile(present, np.linspace(0, 1, RANGES + 1)[1:-1]).astype(np.float32))
    return replace(feature, cuts=tuple(cuts[cuts > present.min()].tolist()))


def _columns(feature: Feature, bins: Bins, readings: Matrix) -> Floats:
    """The regression's columns for each bin of the feature (bins, columns); the first says whether it is missing."""
    if feature.kind == "category":
        return np.eye(feature.bin_count)
    means = np.zeros(feature.bin_count)
    for place in np.unique(bins[bins != MISSING_BIN]):
        means[place] = readings[bins == place].mean(dtype=float)
    present = bins != MISSING_BIN
    seen = means[bins[present]]
    scaled = (means - seen.mean()) / max(float(seen.std()), 1e-9)
    scaled[MISSING_BIN] = 0
    return np.stack([np.arange(feature.bin_count) == MISSING_BIN, scaled], axis=1).astype(float)
