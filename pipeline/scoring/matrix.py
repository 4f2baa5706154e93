"""Scores a matrix of stored vectors without a Python object per lead."""

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring import explain
from pipeline.scoring.features import Matrix
from pipeline.scoring.model import Judgement
from pipeline.scoring.scorer import DECIMALS, Scorer
from pipeline.scoring.tier import FROM_LOWEST, tier_places

TIER_LETTERS = np.array([tier.value.encode() for tier in FROM_LOWEST])


class MatrixScores(NamedTuple):
    """The scores of n leads: `scores` and `confidences` as they are saved (float32), `tiers` as letters (S1)."""

    scores: NDArray[np.float32]
    confidences: NDArray[np.float32]
    tiers: NDArray[np.bytes_]
    judged: Judgement


class Reasons(NamedTuple):
    """Factors and bins as `explain` packs them, one record of bytes per lead."""

    factors: NDArray[np.void]
    bins: NDArray[np.void]


def score_matrix(scorer: Scorer, matrix: Matrix, as_of: datetime) -> MatrixScores:
    """The same scores, to the last bit, as `Scorer.score` gives these leads."""
    judged = scorer.model.judge(scorer.model.features.bins(matrix, as_of))
    return MatrixScores(
        np.round(judged.scores, DECIMALS).astype(np.float32),
        np.round(judged.confidences, DECIMALS).astype(np.float32),
        TIER_LETTERS[tier_places(judged.scores, scorer.cuts)],
        judged,
    )


def reasons(found: MatrixScores, chosen: NDArray[np.intp]) -> Reasons:
    """The packed factors and bins of the chosen leads, which are places in the matrix."""
    terms, places = found.judged.terms[chosen], found.judged.places[chosen]
    return Reasons(_bytes(explain.strongest(terms, places)), _bytes(explain.packed_places(places)))


def differ(scores: NDArray[np.float32], tiers: NDArray[np.bytes_], found: MatrixScores) -> NDArray[np.bool_]:
    """Whether each lead's tier, or its score rounded as people read it, differs from the saved one."""
    apart: NDArray[np.bool_] = (tiers != found.tiers) | (read(scores) != read(found.scores))
    return apart


def read(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """The scores rounded as people read them."""
    return scores.astype(np.float64).round(1)


def _bytes(rows: NDArray[Any]) -> NDArray[np.void]:
    """Each row of (n, m) as one record of bytes."""
    packed = np.ascontiguousarray(rows)
    return packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))[:, 0]
