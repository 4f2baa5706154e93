"""Fits an Explainable Boosting Machine with `interpret` and converts it into our tables.

Main terms read the fine bins of a feature, pairs coarser ones; both follow from the union of their cuts.
"""

import warnings
from dataclasses import replace

import numpy as np
from interpret.glassbox import ExplainableBoostingClassifier
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray

from pipeline.learning.additive import AdditiveModel, Floats, TermTable, TrainingMatrix
from pipeline.scoring.encoding import Feature

BAGS = 8
HELD_OUT = 0.15  # of each bag, to stop early by and to calibrate with
PAIRS = 10
FINE_BINS = 256
COARSE_BINS = 32


def fit(training: TrainingMatrix, *, seed: int, cores: int) -> AdditiveModel:
    held_out = _held_out(training.won, seed)
    machine = ExplainableBoostingClassifier(
        feature_names=[feature.name for feature in training.features],
        feature_types=["nominal" if feature.kind == "category" else "continuous" for feature in training.features],
        interactions=PAIRS if len(training.features) > 1 else 0,
        max_bins=FINE_BINS,
        max_interaction_bins=COARSE_BINS,
        outer_bags=BAGS,
        n_jobs=cores,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that its own pictures leave missing values out
        machine.fit(training.readings.astype(float), training.won, bags=np.where(held_out, -1, 1).astype(np.int8))
    if cores > 1:
        # Its processes would go on waiting for work, and this process would wait for them when it ends.
        get_reusable_executor().shutdown(wait=True)
    return tables_of(machine, training.features, held_out)


def tables_of(
    machine: ExplainableBoostingClassifier, features: tuple[Feature, ...], held_out: NDArray[np.bool_]
) -> AdditiveModel:
    """The machine as tables that give the same sums as its `decision_function`, from bins that we encode."""
    cut = tuple(replace(f, cuts=_cuts(machine.bins_[n])) for n, f in enumerate(features))
    tables = []
    for term, scores in zip(machine.term_features_, machine.bagged_scores_, strict=True):
        axes = [(n, _rows(cut[n], _level(machine.bins_[n], len(term)))) for n in term]
        # A row that none of our bins reads would make places that no table has.
        read = np.ix_(*(range(max(rows) + 1) for _, rows in axes))
        tables.append(TermTable(tuple(axes), np.stack([bag[read].ravel() for bag in scores])))
    return AdditiveModel(cut, tuple(tables), np.asarray(machine.bagged_intercept_, float).ravel(), held_out)


def _held_out(won: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Which leads are held out of which bag (n, bags): the same share of either outcome."""
    chance = np.random.default_rng(seed)
    held_out = np.zeros((len(won), BAGS), bool)
    for bag in range(BAGS):
        for outcome in (True, False):
            of = np.flatnonzero(won == outcome)
            held_out[chance.choice(of, max(1, round(HELD_OUT * len(of))), replace=False), bag] = True
    return held_out


def _level(levels: list[Floats | dict[str, int]], axes: int) -> Floats | dict[str, int]:
    return levels[min(axes, len(levels)) - 1]


def _cuts(levels: list[Floats | dict[str, int]]) -> tuple[float, ...]:
    cuts = [_float32_up(level) for level in levels if not isinstance(level, dict)]
    return tuple(np.unique(np.concatenate(cuts)).tolist()) if cuts else ()


def _float32_up(cuts: Floats) -> Floats:
    """The least float32 that is not below each cut, so that float32 values are divided in the same way."""
    near = cuts.astype(np.float32)
    return np.where(near < cuts, np.nextafter(near, np.float32(np.inf)), near).astype(float)


def _rows(feature: Feature, level: Floats | dict[str, int]) -> tuple[int, ...]:
    """The row of each bin: 0 is missing, the last row is for words that were never seen."""
    if isinstance(level, dict):
        unseen = max(level.values(), default=0) + 1
        return 0, *(level.get(str(code), unseen) for code in range(1, feature.bin_count))
    # A range lies in the row in which its lower end lies.
    ends = np.array([-np.inf, *feature.cuts])
    return 0, *(np.searchsorted(level, ends, side="right") + 1).tolist()
