"""Invented tables of learned models, over the same attributes as the invented cards."""

from math import prod

from hypothesis import strategies as st

from pipeline.scoring.glassbox import GlassBoxModel
from pipeline.scoring.model import Model
from pipeline.scoring.scorecard import Scorecard
from pipeline.scoring.scorer import Scorer
from schemas.glassbox import Axis, GlassBoxArtefact, GlassBoxFeature, GlassBoxTerm
from schemas.scorecard import TierCuts
from tests.unit.pipeline.scoring.cards import cards

CUTS = st.lists(st.floats(-1e6, 1e6, width=32), unique=True, max_size=4).map(lambda cuts: tuple(sorted(cuts)))
WORDS = (("ads", "advertisement"), ("vip",))


@st.composite
def tables(draw: st.DrawFn) -> GlassBoxArtefact:
    features = tuple(draw(_features(n)) for n in range(draw(st.integers(1, 5))))
    terms = [draw(_terms(features, (n,))) for n in range(len(features))]
    if len(features) > 1:
        pair = draw(st.permutations(range(len(features))))[:2]
        terms.append(draw(_terms(features, tuple(pair))))
    return GlassBoxArtefact(
        intercept=draw(st.floats(-3, 3)), doubt=draw(st.floats(0, 10)), features=features, terms=tuple(terms)
    ).sealed()


@st.composite
def _features(draw: st.DrawFn, n: int) -> GlassBoxFeature:
    kind = draw(st.sampled_from(["number", "category", "age"]))
    if kind == "category":
        return GlassBoxFeature(name=f"f{n}", label=f"Feature {n}", kind="category", words=WORDS)
    return GlassBoxFeature.model_validate({"name": f"f{n}", "label": f"Feature {n}", "kind": kind, "cuts": draw(CUTS)})


@st.composite
def _terms(draw: st.DrawFn, features: tuple[GlassBoxFeature, ...], on: tuple[int, ...]) -> GlassBoxTerm:
    axes = []
    for feature in on:
        bins = features[feature].bin_count
        # Neighbouring ranges may share a row, as those of a pair do.
        steps = draw(st.lists(st.integers(0, 1), min_size=bins - 1, max_size=bins - 1))
        axes.append(Axis(feature=feature, rows=(0, *(sum(steps[: n + 1]) for n in range(bins - 1)))))
    places = prod(max(axis.rows) + 1 for axis in axes)
    logits = draw(st.lists(st.floats(-4, 4), min_size=places, max_size=places))
    variances = draw(st.lists(st.floats(0, 1), min_size=places, max_size=places))
    return GlassBoxTerm(
        axes=tuple(axes), logits=tuple(logits), variances=tuple(variances), importance=draw(st.floats(0, 3))
    )


def models() -> st.SearchStrategy[Model]:
    """Either rung: what holds for a scorer holds for both."""
    return st.one_of(cards().map(Scorecard), tables().map(GlassBoxModel))


def scorers() -> st.SearchStrategy[Scorer]:
    return models().map(lambda model: Scorer(model, TierCuts()))
