"""The first rung: points per attribute from configuration. It needs no data and cannot fail."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.explain import Wording, wording
from pipeline.scoring.features import Bins, Feature, FeatureSet
from schemas.score import Engine
from schemas.scorecard import OtherWord, RangeBin, Rule, ScorecardConfig, WordBin, WordRule

# A card was never measured against outcomes, so even a fully known lead leaves some doubt.
HIGHEST_CONFIDENCE = 0.8
MISSING_LABEL = "not known"


@dataclass(frozen=True)
class Judgement:
    """Of n leads: `scores` 0–100 and `confidences` 0–1 (n), `terms` in points (n, features).

    base + the sum of a lead's terms is its score, but for the clip to 0–100.
    """

    scores: NDArray[np.float64]
    confidences: NDArray[np.float64]
    terms: NDArray[np.float64]


class Scorecard:
    engine = Engine.SCORECARD

    def __init__(self, card: ScorecardConfig) -> None:
        self.card = card
        # Follows from the card's content, so the same card is the same version everywhere.
        self.version = f"scorecard-{hashlib.sha256(card.model_dump_json().encode()).hexdigest()[:8]}"
        self.features = FeatureSet([_feature(rule) for rule in card.features])
        self.wordings = tuple(_wordings(rule) for rule in card.features)
        self._points = tuple(np.array(_points(rule)) for rule in card.features)
        self._weights = np.array([np.abs(points).max() for points in self._points])

    def judge(self, bins: Bins) -> Judgement:
        """`bins` (n, features) as `features.bins` gives them."""
        terms = np.stack([points[bins[:, n]] for n, points in enumerate(self._points)], axis=1)
        scores = np.clip(self.card.base + terms.sum(axis=1), 0, 100)
        known = ((bins > 0) * self._weights).sum(axis=1) / max(self._weights.sum(), 1e-9)
        return Judgement(scores, HIGHEST_CONFIDENCE * known, terms)


def _feature(rule: Rule) -> Feature:
    if isinstance(rule, WordRule):
        codes = {word.strip().casefold(): n for n, b in enumerate(rule.bins, start=1) for word in b.words}
        return Feature(rule.attribute, "category", rule.aliases, codes=codes)
    cuts = tuple(b.below for b in rule.bins if b.below is not None)
    return Feature(rule.attribute, rule.kind, rule.aliases, cuts=cuts)


def _bins(rule: Rule) -> tuple[RangeBin | WordBin | OtherWord, ...]:
    if isinstance(rule, WordRule):
        return (*rule.bins, rule.other)
    return rule.bins


def _points(rule: Rule) -> list[float]:
    return [rule.missing, *(b.points for b in _bins(rule))]


def _wordings(rule: Rule) -> tuple[Wording, ...]:
    labels = (f"{rule.label} {MISSING_LABEL}", *(b.label for b in _bins(rule)))
    return tuple(wording(rule.attribute, *bin) for bin in zip(labels, _points(rule), strict=True))
