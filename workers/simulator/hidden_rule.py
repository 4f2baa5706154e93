"""The secret rule by which leads of `simulate --outcomes` are won or lost, which learning ought to find."""

from collections.abc import Mapping
from math import log
from random import Random

from schemas.score import Value

WORDS = {
    "industry": ("software", "manufacturing", "logistics", "health care", "retail", "energy"),
    "lead_source": ("referral", "webinar", "organic", "website", "ads", "cold call"),
    "seniority": ("founder", "vp", "director", "manager", "specialist", "intern"),
}
# What the logarithms of most values lie around, and how far apart.
NUMBERS = {"company_size": (4.0, 1.2), "budget": (10.0, 1.0), "timeline_days": (4.5, 0.8), "visits": (1.5, 0.7)}
FLAGS = ("newsletter", "asked_for_demo")
TYPICAL_LOGIT = -0.7
SPREAD = 0.8  # of a weight


class HiddenRule:
    """A logistic regression on the first attributes of a lead; its weights follow from the seed."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)  # noqa: S311 - nothing secret
        self._words = {name: {word: chance.gauss(0, SPREAD) for word in words} for name, words in WORDS.items()}
        self._numbers = {name: chance.choice((-1, 1)) * chance.uniform(0.3, SPREAD) for name in NUMBERS}
        self._flags = {name: chance.gauss(0, SPREAD) for name in FLAGS}

    def logit(self, lead: Mapping[str, Value]) -> float:
        """The logit of a lead as it was early; unknown attributes count 0."""
        logit = TYPICAL_LOGIT
        logit += sum(weights.get(str(lead.get(name)), 0) for name, weights in self._words.items())
        logit += sum(weight if lead.get(name) else -weight for name, weight in self._flags.items())
        for name, weight in self._numbers.items():
            value = lead.get(name)
            if isinstance(value, int | float):
                middle, spread = NUMBERS[name]
                logit += weight * (log(1 + value) - middle) / spread
        return logit
