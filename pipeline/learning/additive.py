"""The result of every fitting method: an additive model per bag, over the same tables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.leads.attributes import canonical
from pipeline.scoring.encoding import Feature
from pipeline.scoring.features import Bins, Matrix
from pipeline.scoring.term_places import Layout
from schemas.glassbox import Axis, GlassBoxArtefact, GlassBoxFeature, GlassBoxTerm

Floats = NDArray[np.float64]
LARGEST_DOUBT = 100.0


@dataclass(frozen=True)
class TrainingMatrix:
    """The leads to learn from: `features` without cuts, `readings` (n, features), `won` (n) bool."""

    features: tuple[Feature, ...]
    readings: Matrix
    won: NDArray[np.bool_]


@dataclass(frozen=True)
class TermTable:
    """One term: `axes` name a feature and the row of each of its bins; `bags` (bags, places) in logits."""

    axes: tuple[tuple[int, tuple[int, ...]], ...]
    bags: Floats

    def places(self, bins: Bins) -> Bins:
        return Layout([self.axes]).places(bins)[:, 0]


@dataclass(frozen=True)
class AdditiveModel:
    """A model that is the mean over its bags; `held_out` (n, bags) says which leads a bag was not fitted on."""

    features: tuple[Feature, ...]
    tables: tuple[TermTable, ...]
    intercepts: Floats
    held_out: NDArray[np.bool_]

    def bag_logits(self, bins: Bins) -> Floats:
        """The logit that each bag gives each lead (n, bags)."""
        logits = np.tile(self.intercepts, (len(bins), 1))
        for table in self.tables:
            logits += table.bags.T[table.places(bins)]
        return logits


def as_tables(model: AdditiveModel, bins: Bins, slope: float, shift: float) -> GlassBoxArtefact:
    """The artefact of `slope` × logit + `shift`, which stays additive; `bins` are those of the training rows."""
    variances = [table.bags.var(axis=0) for table in model.tables]
    apart = sum(variance[table.places(bins)] for table, variance in zip(model.tables, variances, strict=True))
    together = model.bag_logits(bins).var(axis=1)
    return GlassBoxArtefact(
        intercept=_plain(slope * model.intercepts.mean() + shift),
        # Terms of one bag are correlated, so their variances do not simply add up.
        doubt=min(LARGEST_DOUBT, float(together.mean() / max(float(np.mean(apart)), 1e-12))),
        features=tuple(_stored(feature) for feature in model.features),
        terms=tuple(
            _term(table, slope, variance, bins) for table, variance in zip(model.tables, variances, strict=True)
        ),
    ).sealed()


def _term(table: TermTable, slope: float, variance: Floats, bins: Bins) -> GlassBoxTerm:
    logits = slope * table.bags.mean(axis=0)
    return GlassBoxTerm(
        axes=tuple(Axis(feature=feature, rows=rows) for feature, rows in table.axes),
        logits=tuple(map(_plain, logits)),
        variances=tuple(map(_plain, slope**2 * variance)),
        importance=float(np.abs(logits[table.places(bins)]).mean()),
    )


def _plain(number: float) -> float:
    return float(number) + 0.0  # jsonb knows no negative zero


def _stored(feature: Feature) -> GlassBoxFeature:
    words: dict[int, list[str]] = {}
    for word, code in feature.codes.items():
        words.setdefault(code, []).append(word)
    return GlassBoxFeature(
        name=feature.name,
        label=_label(feature.name),
        kind=feature.kind,
        cuts=feature.cuts,
        words=tuple(tuple(words[code]) for code in sorted(words)),
    )


def _label(name: str) -> str:
    return name if " " in name else canonical(name).replace("_", " ").capitalize()
