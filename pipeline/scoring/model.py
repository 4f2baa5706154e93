"""What any additive model offers the scorer, whether its points were written by people or learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.explain import Wordings
from pipeline.scoring.features import Bins, FeatureSet
from schemas.score import Engine, Value


@dataclass(frozen=True)
class Judgement:
    """Of n leads: `scores` 0–100 and `confidences` 0–1 (n), `terms` in points and `places` in their tables (n, terms).

    base + the sum of a lead's terms is its score, but for the clip to 0–100.
    """

    scores: NDArray[np.float64]
    confidences: NDArray[np.float64]
    terms: NDArray[np.float64]
    places: Bins


class Model(Protocol):
    """`labels` by feature, `wordings` by term and place."""

    engine: Engine
    version: str
    base: float
    features: FeatureSet

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def wordings(self) -> Wordings: ...

    def artefact(self) -> Mapping[str, Any]:
        """All that the model is, as JSON."""

    def judge(self, bins: Bins) -> Judgement:
        """`bins` (n, features) as `features.bins` gives them."""

    def points(self, places: Bins) -> NDArray[np.float64]:
        """(n, terms) places -> the terms in points, as `judge` gave them."""

    def moved(self, before: Bins, after: Bins) -> NDArray[np.float64]:
        """(n, terms) places of two scores -> the points between them; a term whose place stayed has none."""

    def shown(self, values: Sequence[Value | datetime], term: int) -> Value | datetime:
        """Values by feature -> what to show beside this term."""
