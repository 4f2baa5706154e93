"""A model with points per attribute from the configuration; it needs no data and cannot fail."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.encoding import Feature
from pipeline.scoring.explain import Wording
from pipeline.scoring.features import Bins, FeatureSet
from pipeline.scoring.model import Judgement
from pipeline.scoring.phrases import Phrases
from schemas.score import Engine, Value
from schemas.scorecard import OtherWord, RangeBin, Rule, ScorecardConfig, WordBin, WordRule

# A card was never measured against outcomes, so even a fully known lead gets less than 1.
HIGHEST_CONFIDENCE = 0.8
MISSING_LABEL = "not known"


class Scorecard:
    engine = Engine.SCORECARD

    def __init__(self, card: ScorecardConfig) -> None:
        self.card = card
        # Follows from the card's content, so the same card is the same version everywhere.
        self.version = f"scorecard-{hashlib.sha256(card.model_dump_json().encode()).hexdigest()[:8]}"
        self.features = FeatureSet([_feature(rule) for rule in card.features])
        self.base = card.base
        self.labels = tuple(rule.label for rule in card.features)
        self.wordings = tuple(_wordings(rule) for rule in card.features)
        self._points = tuple(np.array(_points(rule)) for rule in card.features)
        self._weights = np.array([np.abs(points).max() for points in self._points])

    def artefact(self) -> dict[str, Any]:
        return self.card.model_dump()

    def judge(self, bins: Bins) -> Judgement:
        terms = self.points(bins)
        scores = np.clip(self.base + terms.sum(axis=1), 0, 100)
        known_share = ((bins > 0) * self._weights).sum(axis=1) / max(self._weights.sum(), 1e-9)
        return Judgement(scores, HIGHEST_CONFIDENCE * known_share, terms, bins)

    def points(self, places: Bins) -> NDArray[np.float64]:
        return np.stack([points[places[:, n]] for n, points in enumerate(self._points)], axis=1)

    def moved(self, before: Bins, after: Bins) -> NDArray[np.float64]:
        return self.points(after) - self.points(before)

    def shown(self, values: Sequence[Value | datetime], term: int) -> Value | datetime:
        return values[term]  # a term is a feature


def _feature(rule: Rule) -> Feature:
    if isinstance(rule, WordRule):
        codes = {word.strip().casefold(): n for n, b in enumerate(rule.bins, start=1) for word in b.words}
        ranks = {n: b.points for n, b in enumerate(rule.bins, start=1)}
        phrases = Phrases(codes, ranks, rule.unless) if rule.match == "phrase" else None
        worst = tuple(sorted(ranks, key=ranks.__getitem__)) if rule.of_several == "worst" else ()
        return Feature(rule.attribute, "category", rule.aliases, codes=codes, phrases=phrases, worst_first=worst)
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
    return tuple(Wording(rule.attribute, label) for label in labels)
