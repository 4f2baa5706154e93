"""The scorecard in the configuration: points per range or word of an attribute."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.frozen import Frozen

Points = Annotated[float, Field(ge=-100, le=100)]
Text = Annotated[str, Field(min_length=1, max_length=120)]


class RangeBin(Frozen):
    """Values below `below` and not below the bin before; the last bin has no bound."""

    below: float | None = None
    points: Points
    label: Text


class WordBin(Frozen):
    """Any of these words, compared without regard to case."""

    words: tuple[str, ...] = Field(min_length=1)
    points: Points
    label: Text


class OtherWord(Frozen):
    points: Points
    label: Text


class FeatureRule(Frozen):
    """`aliases`: attributes that are read instead where a lead lacks `attribute`: the first that is known, or of all
    the names the one that gives fewest points."""

    attribute: Text
    aliases: tuple[str, ...] = ()
    of_several: Literal["first", "worst"] = "first"
    label: Text
    missing: Points = 0.0


class RangeRule(FeatureRule):
    """`number` takes the value, `age` the days since a moment and `until` those until it, by the scoring clock."""

    kind: Literal["number", "age", "until"]
    bins: tuple[RangeBin, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _bounds_rise(self) -> Self:
        bounds = [b.below for b in self.bins[:-1]]
        if any(b is None for b in bounds) or self.bins[-1].below is not None:
            raise ValueError(f"{self.attribute}: every bin but the last needs `below`, and the last has none")
        finite = [b for b in bounds if b is not None]
        if finite != sorted(set(finite)):
            raise ValueError(f"{self.attribute}: the bounds `below` must rise")
        return self


class WordRule(FeatureRule):
    """`match`: whether a text must be one of the words, or may hold them: `phrase` finds `vp` in `VP of Sales`, and of
    several the one with most points. `unless`: words that make such a text mean none of them."""

    kind: Literal["category"]
    match: Literal["whole", "phrase"] = "whole"
    unless: tuple[Text, ...] = ()
    bins: tuple[WordBin, ...] = Field(min_length=1, max_length=200)
    other: OtherWord


Rule = Annotated[RangeRule | WordRule, Field(discriminator="kind")]


class ScorecardConfig(Frozen):
    """Score = base + the points of each feature's bin, kept within 0 and 100."""

    base: float = Field(ge=0, le=100)
    features: tuple[Rule, ...] = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [name for rule in self.features for name in (rule.attribute, *rule.aliases)]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"attribute names used twice: {', '.join(doubles)}")
        return self


class TierCuts(Frozen):
    """The lowest score of each tier; what is below C is D."""

    A: float = Field(default=70, ge=0, le=100)
    B: float = Field(default=45, ge=0, le=100)
    C: float = Field(default=25, ge=0, le=100)

    @model_validator(mode="after")
    def _fall(self) -> Self:
        if not self.A > self.B > self.C:
            raise ValueError("tier cuts must fall from A to C")
        return self
