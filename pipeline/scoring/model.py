"""The interface of an additive model, whether people wrote its points or it learned them."""

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
    """The result for n leads: `scores` 0–100, `confidences` 0–1, `terms` in points and their `places` (n, terms).

    base + the sum of a lead's terms is its score, but for the clip to 0–100.
    """

    scores: NDArray[np.float64]
    confidences: NDArray[np.float64]
    terms: NDArray[np.float64]
    places: Bins


class Model(Protocol):
    """An additive model; `labels` by feature, `wordings` by term and place."""

    engine: Engine
    version: str
    base: float
    features: FeatureSet

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def wordings(self) -> Wordings: ...

    def artefact(self) -> Mapping[str, Any]:
        """The whole model as JSON."""

    def judge(self, bins: Bins) -> Judgement:
        """Scores leads by their `bins` (n, features), as `features.bins` returns them."""

    def points(self, places: Bins) -> NDArray[np.float64]:
        """The terms in points at these places (n, terms), as `judge` returned them."""

    def moved(self, before: Bins, after: Bins) -> NDArray[np.float64]:
        """The points between two scores by their places (n, terms); a term whose place stayed has none."""

    def shown(self, values: Sequence[Value | datetime], term: int) -> Value | datetime:
        """The value to show beside this term; `values` are those of all features."""
