"""A trained additive model as data: numbers, words and tables, and a checksum over all of them."""

import hashlib
from typing import Literal, Self

import orjson
from pydantic import Field, FiniteFloat, model_validator

from schemas.frozen import Frozen

PLACES = 1 << 16  # of a term, because a saved score keeps two bytes for each
AXES = 2  # features of a term


class GlassBoxFeature(Frozen):
    """`cuts` rise; `words[n]` share code n + 1. Its bins: missing, then the ranges or words, then all other words."""

    name: str
    label: str
    kind: Literal["number", "category", "age", "until"]
    cuts: tuple[FiniteFloat, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()

    @property
    def bin_count(self) -> int:
        return (len(self.words) if self.kind == "category" else len(self.cuts)) + 2


class Axis(Frozen):
    """One feature of a term, and the row of the term's table that each of its bins stands for."""

    feature: int = Field(ge=0)
    rows: tuple[int, ...]


class GlassBoxTerm(Frozen):
    """`logits` by place, and the variance of each over the bags; of a pair place = row × rows of the second + row."""

    axes: tuple[Axis, ...] = Field(min_length=1, max_length=AXES)
    logits: tuple[FiniteFloat, ...] = Field(min_length=1, max_length=PLACES)
    variances: tuple[FiniteFloat, ...]
    importance: FiniteFloat = Field(ge=0, description="mean of what it gave or took, in logits, over the training rows")


class GlassBoxArtefact(Frozen):
    """logit = intercept + one entry of each term; `doubt` turns the sum of variances into the variance of the logit."""

    format: Literal[1] = 1
    intercept: FiniteFloat
    doubt: FiniteFloat = Field(ge=0)
    features: tuple[GlassBoxFeature, ...] = Field(min_length=1, max_length=500)
    terms: tuple[GlassBoxTerm, ...] = Field(min_length=1, max_length=1000)
    checksum: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if any(list(feature.cuts) != sorted(set(feature.cuts)) for feature in self.features):
            raise ValueError("the cuts of a feature must rise")
        for term in self.terms:
            places = 1
            for axis in term.axes:
                if axis.feature >= len(self.features):
                    raise ValueError("a term names a feature that does not exist")
                if len(axis.rows) != self.features[axis.feature].bin_count or min(axis.rows) < 0:
                    raise ValueError("an axis needs a row for every bin of its feature")
                places *= max(axis.rows) + 1
            if not len(term.logits) == len(term.variances) == places:
                raise ValueError("a term needs a logit and a variance for every place")
        return self

    def digest(self) -> str:
        """SHA-256 over the content, in hex; the order of keys and the spelling of numbers make no difference."""
        content = self.model_dump(exclude={"checksum"})
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def sealed(self) -> "GlassBoxArtefact":
        return self.model_copy(update={"checksum": self.digest()})
