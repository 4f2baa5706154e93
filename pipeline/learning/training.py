"""Trains a model from examples: its tables, and its card."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import GiveUp
from pipeline.leads.attributes import canonical
from pipeline.learning import boosting, logistic
from pipeline.learning.additive import AdditiveModel, Floats, TrainingMatrix, as_tables
from pipeline.learning.calibration import calibrate
from pipeline.learning.column_kinds import Columns, columns
from pipeline.learning.evaluation import Won, quality, segments
from pipeline.learning.feature_selection import select_features
from pipeline.learning.readiness import assess_readiness
from pipeline.scoring.encoding import days
from pipeline.scoring.features import FeatureSet, Matrix
from pipeline.scoring.glassbox import GlassBoxModel
from schemas.example import Example, Split
from schemas.glassbox import GlassBoxArtefact
from schemas.model_card import Leak, LeftOut, ModelCard, Segment, TermImportance, Window
from schemas.scorecard import TierCuts

FEWEST = 40  # leads of either outcome; from fewer nothing can be learned and tested
FEWEST_TRAINED = 20
FEWEST_TESTED = 2
BOOSTED_FROM = (1000, 100)  # leads, and of them won; logistic regression is better below


@dataclass(frozen=True)
class TrainingConfig:
    """`without` are attributes to leave out, `trusted` those that are kept although they reveal the outcome."""

    cuts: TierCuts
    without: Sequence[str] = ()
    trusted: Sequence[str] = ()
    segments: Sequence[str] = ()
    seed: int = 0
    cores: int = 1


@dataclass(frozen=True)
class TrainedModel:
    model: GlassBoxArtefact
    card: ModelCard


@dataclass(frozen=True)
class FittedModel:
    model: GlassBoxArtefact
    method: str
    left_out: tuple[LeftOut, ...]
    leaks: tuple[Leak, ...] = field(default=())


def train(split: Split, wishes: TrainingConfig) -> TrainedModel:
    """Trains on the older part and tests on the newer. Raises GiveUp with the counts if the outcomes do not suffice."""
    trained, tested = _suffice(split)
    fitted = fit(split.older, wishes)
    chance, won = chances(fitted.model, split.newer), outcomes(split.newer)
    measured = quality(chance, won, wishes.cuts, wishes.seed)
    readiness, reasons = assess_readiness(measured, tested, fitted.leaks)
    card = ModelCard(
        method=fitted.method,
        trained_on=trained,
        sampled=_drawn(split.older, trained),
        tested_on=tested,
        test_sampled=_drawn(split.newer, tested),
        base_rate=round((trained.won + tested.won) / (trained.leads + tested.leads), 4),
        quality=measured,
        segments=_segments(split.newer, chance, won, wishes),
        importances=_importances(fitted.model),
        left_out=fitted.left_out,
        leaks=fitted.leaks,
        readiness=readiness,
        reasons=reasons,
    )
    return TrainedModel(fitted.model, card)


def fit(examples: Sequence[Example], wishes: TrainingConfig) -> FittedModel:
    """A calibrated but untested model of all these examples."""
    won = outcomes(examples)
    candidates = columns([example.attributes for example in examples], dict.fromkeys(wishes.without, "not wanted"))
    selected = select_features(candidates, readings(candidates, examples), won, wishes.trusted, wishes.seed)
    if not selected.features:
        raise GiveUp(
            "no attribute is left to learn from: " + "; ".join(f"{a.attribute}: {a.reason}" for a in selected.left_out)
        )
    training = TrainingMatrix(selected.features, selected.readings, won)
    method, model = _fit(training, wishes)
    bins = FeatureSet(model.features).binned(training.readings)
    return FittedModel(as_tables(model, bins, *calibrate(model, bins, won)), method, selected.left_out, selected.leaks)


def readings(candidates: Columns, examples: Sequence[Example]) -> Matrix:
    """The readings (examples, features), each example by its own clock."""
    features = FeatureSet(candidates.features)
    matrix = features.matrix([features.values(example.attributes, example.as_of) for example in examples])
    return features.readings(matrix, clocks(examples))


def chances(model: GlassBoxArtefact, examples: Sequence[Example]) -> Floats:
    """The chance of each example, 0–1, by its own clock, as a scoring worker would compute it."""
    box = GlassBoxModel(model)
    matrix = box.features.matrix([box.features.values(example.attributes, example.as_of) for example in examples])
    return box.judge(box.features.bins(matrix, clocks(examples))).scores / 100


def clocks(examples: Sequence[Example]) -> Matrix:
    return np.array([days(example.as_of) for example in examples], np.float32)


def outcomes(examples: Sequence[Example]) -> Won:
    return np.array([example.won for example in examples], bool)


def _fit(training: TrainingMatrix, wishes: TrainingConfig) -> tuple[str, AdditiveModel]:
    leads, wins = BOOSTED_FROM
    if len(training.won) < leads or training.won.sum() < wins:
        return "logistic regression", logistic.fit(training, seed=wishes.seed)
    return "explainable boosting machine", boosting.fit(training, seed=wishes.seed, cores=wishes.cores)


def _suffice(split: Split) -> tuple[Window, Window]:
    """The windows of both parts; raises GiveUp if either has too few outcomes."""
    older, newer = split.older_window, split.newer_window
    won = sum(window.won for window in (older, newer) if window)
    lost = sum(window.leads for window in (older, newer) if window) - won
    if older is None or newer is None or min(won, lost) < FEWEST:
        raise GiveUp(f"{won} leads were won and {lost} lost; a model needs at least {FEWEST} of each")
    for part, needed, name in ((older, FEWEST_TRAINED, "older"), (newer, FEWEST_TESTED, "newest")):
        if min(part.won, part.leads - part.won) < needed:
            raise GiveUp(
                f"of the {name} {part.leads} leads {part.won} were won and {part.leads - part.won} lost; "
                f"a model needs at least {needed} of each there: wait for more outcomes, or tell when the leads came"
            )
    return older, newer


def _drawn(sample: Sequence[Example], window: Window) -> int | None:
    return len(sample) if len(sample) < window.leads else None


def _segments(newer: Sequence[Example], chance: Floats, won: Won, wishes: TrainingConfig) -> tuple[Segment, ...]:
    all_segments: list[Segment] = []
    for name in wishes.segments:
        wanted = canonical(name)
        values = [
            next((value for key, value in example.attributes.items() if canonical(key) == wanted), None)
            for example in newer
        ]
        all_segments += segments(name, values, chance, won, wishes.cuts)
    return tuple(all_segments)


def _importances(model: GlassBoxArtefact) -> tuple[TermImportance, ...]:
    box = GlassBoxModel(model)
    named = zip((wordings[0].attribute for wordings in box.wordings), model.terms, strict=True)
    importances = [TermImportance(attribute=name, logits=round(term.importance, 4)) for name, term in named]
    return tuple(sorted(importances, key=lambda term: -term.logits))
