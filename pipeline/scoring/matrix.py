"""A matrix of stored vectors -> scores, tiers and what they are made of, without a Python object a lead."""

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring import explain
from pipeline.scoring.features import Matrix
from pipeline.scoring.model import Judgement
from pipeline.scoring.scorer import DECIMALS, Scorer
from pipeline.scoring.tier import FROM_LOWEST, tier_places

LETTERS = np.array([tier.value.encode() for tier in FROM_LOWEST])


class Verdicts(NamedTuple):
    """Of n leads: `scores` and `confidences` as they are saved (float32), `tiers` as letters (S1)."""

    scores: NDArray[np.float32]
    confidences: NDArray[np.float32]
    tiers: NDArray[np.bytes_]
    judged: Judgement


class Reasons(NamedTuple):
    """Packed as `explain` packs them, one record of bytes a lead."""

    factors: NDArray[np.void]
    bins: NDArray[np.void]


def verdicts(scorer: Scorer, matrix: Matrix, as_of: datetime) -> Verdicts:
    """To the last bit what `Scorer.score` gives the same leads."""
    judged = scorer.model.judge(scorer.model.features.bins(matrix, as_of))
    return Verdicts(
        np.round(judged.scores, DECIMALS).astype(np.float32),
        np.round(judged.confidences, DECIMALS).astype(np.float32),
        LETTERS[tier_places(judged.scores, scorer.cuts)],
        judged,
    )


def reasons(found: Verdicts, chosen: NDArray[np.intp]) -> Reasons:
    """Of the chosen leads, by place in the matrix."""
    terms, places = found.judged.terms[chosen], found.judged.places[chosen]
    return Reasons(_bytes(explain.strongest(terms, places)), _bytes(explain.packed_places(places)))


def differ(scores: NDArray[np.float32], tiers: NDArray[np.bytes_], found: Verdicts) -> NDArray[np.bool_]:
    """Where a score, rounded as people read it, or a tier differs from the saved one."""
    apart: NDArray[np.bool_] = (tiers != found.tiers) | (read(scores) != read(found.scores))
    return apart


def read(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """As people read them."""
    return scores.astype(np.float64).round(1)


def _bytes(rows: NDArray[Any]) -> NDArray[np.void]:
    """(n, m) -> (n) of m values as they lie in memory."""
    packed = np.ascontiguousarray(rows)
    return packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))[:, 0]
