"""Invented cards and leads."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from schemas.lead import UnscoredLead
from schemas.score import Value
from schemas.scorecard import ScorecardConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POINTS = st.floats(-100, 100).map(lambda points: round(points, 2))
NUMBERS = st.integers(1 - 10**18, 10**18 - 1) | st.floats()  # as the doors let them in, and worse
VALUES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.sampled_from(["ads", "vip"])


@st.composite
def cards(draw: st.DrawFn) -> ScorecardConfig:
    rules = []
    for n in range(draw(st.integers(1, 7))):
        rule = {"attribute": f"f{n}", "label": f"Feature {n}", "missing": draw(st.just(0.0) | POINTS)}
        kind = draw(st.sampled_from(["number", "category", "age"]))
        if kind == "category":
            bins = [{"words": [word], "points": draw(POINTS), "label": word} for word in ("ads", "vip")]
            rules.append({**rule, "kind": kind, "bins": bins, "other": {"points": draw(POINTS), "label": "other"}})
        else:
            bounds = draw(st.lists(st.floats(-1e6, 1e6), unique=True, max_size=4).map(sorted))
            bins = [{"below": bound, "points": draw(POINTS), "label": f"below {bound}"} for bound in bounds]
            rules.append({**rule, "kind": kind, "bins": [*bins, {"points": draw(POINTS), "label": "above"}]})
    return ScorecardConfig.model_validate({"base": draw(st.floats(0, 100)), "features": rules})


ATTRIBUTES = st.dictionaries(st.sampled_from([f"f{n}" for n in range(8)]), VALUES, max_size=8)


def waiting(attributes: dict[str, Value], lead_id: int = 1, revision: int = 1) -> UnscoredLead:
    return UnscoredLead(lead_id, "standard", f"L{lead_id}", revision, attributes, None, None, None, NOW)
