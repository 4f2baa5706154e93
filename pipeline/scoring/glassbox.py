"""A model learned from outcomes that is a sum of tables, so that the terms of the sum explain the score."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.errors import GiveUp
from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import MISSING_BIN, Bins, FeatureSet
from pipeline.scoring.model import Judgement
from pipeline.scoring.term_places import Layout, starts
from pipeline.scoring.term_words import word_places
from schemas.glassbox import GlassBoxArtefact, GlassBoxFeature
from schemas.score import Engine, Value

BLOCK = 4096  # leads whose terms stay in the processor's cache
# Nine of ten models trained on as many other leads would agree to within this many standard deviations.
DEVIATIONS = 1.645
FLAT = 1e-6  # logits within which the secant of the sigmoid is its tangent


def open_artefact(artefact: Mapping[str, Any], attribute: Callable[[str], str] = str) -> "GlassBoxModel":
    """Raises GiveUp if the artefact is damaged or of a later format. `attribute`: see GlassBoxModel."""
    try:
        read = GlassBoxArtefact.model_validate(artefact)
    except ValidationError as error:
        raise GiveUp(f"the model's artefact is not valid ({error.error_count()} faults); train it again") from None
    if read.checksum != read.digest():
        raise GiveUp("the model's artefact does not match its checksum; promote another version or train it again")
    return GlassBoxModel(read, attribute)


class GlassBoxModel:
    """`attribute`: the attribute that a name stands for, because a model may have learned from another spelling."""

    engine = Engine.GLASSBOX

    def __init__(self, tables: GlassBoxArtefact, attribute: Callable[[str], str] = str) -> None:
        self.tables = tables
        self.version = f"glassbox-{tables.digest()[:8]}"
        self.base = float(100 * sigmoid(np.float64(tables.intercept)))
        self.features = FeatureSet(_features(tables.features, attribute))
        self.labels = tuple(feature.label for feature in tables.features)
        self.wordings = tuple(word_places(tables, term) for term in tables.terms)
        self._layout = Layout([[(a.feature, a.rows) for a in term.axes] for term in tables.terms])
        self._logits = np.concatenate([term.logits for term in tables.terms])
        self._variances = np.concatenate([term.variances for term in tables.terms])
        self._starts = starts([len(term.logits) for term in tables.terms])
        self._weights = _weights(tables)

    def artefact(self) -> dict[str, Any]:
        return self.tables.sealed().model_dump(mode="json")

    def logits(self, places: Bins) -> NDArray[np.float64]:
        """The terms in logits (n, terms); intercept + the sum of a lead's terms is the logit of its score."""
        logits: NDArray[np.float64] = self._logits.take(places + self._starts)
        return logits

    def judge(self, bins: Bins) -> Judgement:
        parts = [self._judge(bins[n : n + BLOCK]) for n in range(0, max(len(bins), 1), BLOCK)]
        return Judgement(*(np.concatenate(group) for group in zip(*parts, strict=True)))

    def points(self, places: Bins) -> NDArray[np.float64]:
        logits = self.logits(places)
        return logits * self._rate(logits.sum(axis=1))[:, np.newaxis]

    def moved(self, before: Bins, after: Bins) -> NDArray[np.float64]:
        old, new = self.logits(before), self.logits(after)
        # Not the difference of their points, because each of the two scores has its own rate.
        rate = self._rate((new - old).sum(axis=1), self.tables.intercept + old.sum(axis=1))
        return (new - old) * rate[:, np.newaxis]

    def shown(self, values: Sequence[Value | datetime], term: int) -> Value | datetime:
        return _shown([values[axis.feature] for axis in self.tables.terms[term].axes])

    def _judge(self, bins: Bins) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Bins]:
        places = self._layout.places(bins)
        terms = self.logits(places)
        moved = terms.sum(axis=1)
        chance = sigmoid(self.tables.intercept + moved)
        terms *= self._rate(moved)[:, np.newaxis]
        return 100 * chance, self._confidences(bins, places, chance), terms, places

    def _rate(self, moved: NDArray[np.float64], since: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Points per logit of each lead: the change of the score divided by the change of the logit.

        The change is from the intercept, or from the logit `since`. One rate for all terms of a lead keeps their signs,
        their order and their proportions, and their sum exact.
        """
        begin = np.full(len(moved), self.tables.intercept) if since is None else since
        start, end = sigmoid(begin), sigmoid(begin + moved)
        flat = np.abs(moved) < FLAT
        secant = (end - start) / np.where(flat, 1, moved)
        rate: NDArray[np.float64] = 100 * np.where(flat, start * (1 - start), secant)
        return rate

    def _confidences(self, bins: Bins, places: Bins, chance: NDArray[np.float64]) -> NDArray[np.float64]:
        """How narrow the interval of each score is, times the share of the model's inputs that is known."""
        variance = self._variances.take(places + self._starts).sum(axis=1)
        half = DEVIATIONS * np.sqrt(self.tables.doubt * variance) * chance * (1 - chance)
        known_share: NDArray[np.float64] = (bins != MISSING_BIN) @ self._weights
        confidences: NDArray[np.float64] = np.clip(1 - 2 * half, 0, 1) * np.minimum(known_share, 1)
        return confidences


def sigmoid(logit: Any) -> Any:
    # This form overflows for no logit.
    return 0.5 * (1 + np.tanh(0.5 * logit))


def _features(features: Sequence[GlassBoxFeature], attribute: Callable[[str], str]) -> list[Feature]:
    """The features under the names of today's attributes, where no two of them become one."""
    names = [attribute(feature.name) for feature in features]
    return [
        _feature(feature, name if names.count(name) == 1 else feature.name)
        for feature, name in zip(features, names, strict=True)
    ]


def _feature(feature: GlassBoxFeature, name: str) -> Feature:
    codes = {word: code for code, words in enumerate(feature.words, start=1) for word in words}
    return Feature(name, feature.kind, cuts=feature.cuts, codes=codes)


def _weights(tables: GlassBoxArtefact) -> NDArray[np.float64]:
    """The share of each feature in what all terms give and take."""
    totals = np.zeros(len(tables.features))
    for term in tables.terms:
        for axis in term.axes:
            totals[axis.feature] += term.importance / len(term.axes)
    weights: NDArray[np.float64] = totals / max(float(totals.sum()), 1e-9)
    return weights


def _shown(values: Sequence[Value | datetime]) -> Value | datetime:
    if len(values) == 1:
        return values[0]
    return None if None in values else " · ".join(str(value) for value in values)
