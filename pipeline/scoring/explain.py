"""Keeps the strongest terms of a score in a few bytes, and turns them into words when someone reads them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.features import Bins
from schemas.score import Tier, Value

STRONGEST = 5
DECIMALS = 2  # of points, as people read them
PACKED = np.dtype([("term", "<u2"), ("place", "<u2"), ("points", "<f4")])
READABLE = np.dtype([("term", "<u2"), ("place", "<u2"), ("points", "<f8")])

OPENING = {
    Tier.A: "Strong lead",
    Tier.B: "Promising lead",
    Tier.C: "Undecided lead",
    Tier.D: "Weak lead",
}
NOTHING_KNOWN = "Not enough is known about this lead yet."
# The confidence with two or three known attributes; a tier from less is little more than a guess.
ENOUGH = 0.15
FOR_IN_SENTENCE = 3
AGAINST_IN_SENTENCE = 2
VALUE_LIMIT = 120  # characters of an attribute's value in a factor


def strongest(terms: NDArray[np.float64], places: Bins) -> NDArray[np.void]:
    """(n, terms) points and places -> (n, ≤ 5) records of `PACKED`, largest points first whatever their sign."""
    size = -np.abs(terms)
    few = np.arange(terms.shape[1])[np.newaxis].repeat(len(terms), axis=0)
    if terms.shape[1] > STRONGEST:
        few = np.argpartition(size, STRONGEST, axis=1)[:, :STRONGEST]  # sorting all terms costs twice as much
    few = np.take_along_axis(few, np.argsort(np.take_along_axis(size, few, axis=1), axis=1, kind="stable"), axis=1)
    packed = np.zeros(few.shape, PACKED)
    packed["term"] = few
    packed["place"] = np.take_along_axis(places, few, axis=1)
    packed["points"] = np.take_along_axis(terms, few, axis=1)
    return packed


def packed_places(places: Bins) -> NDArray[np.uint16]:
    """The places of a score's terms in two bytes each, for its history."""
    return places.astype("<u2")


def unpack_places(packed: bytes) -> Bins:
    """The places (1, terms) that `packed_places` packed."""
    return np.frombuffer(packed, "<u2").astype(np.intp)[np.newaxis]


def unpack(packed: bytes) -> NDArray[np.void]:
    return np.frombuffer(packed, PACKED)


def readable(packed: NDArray[np.void]) -> Any:
    """The records of each lead as tuples, with points rounded for people."""
    records = packed.astype(READABLE)
    records["points"] = np.round(records["points"], DECIMALS)
    return records.tolist()


class Wording(NamedTuple):
    """The words for one place in the table of a term."""

    attribute: str
    label: str


class Term(NamedTuple):
    """A term of one score: what was seen, and the points that it gave or took."""

    attribute: str
    label: str
    points: float

    @property
    def phrase(self) -> str:
        """The term's part of the sentence, rounded to 0.1 as scores are."""
        return f"{self.label} ({'+' if self.points > 0 else '−'}{round(abs(self.points), 1):g})"


Wordings = Sequence[Sequence[Wording]]  # by term, then by place
Record = tuple[int, int, float]  # term, place, points


def term(wording: Wording, points: float) -> Term:
    return Term(*wording, round(points, DECIMALS))


def factors(
    records: Iterable[Record], wordings: Wordings, value_of: Callable[[int], Value | datetime] | None
) -> tuple[list[dict[str, Value]], list[Term]]:
    """The fields of each `Factor`, and its term; without `value_of` the lead's own values are left out."""
    fields: list[dict[str, Value]] = []
    terms: list[Term] = []
    for which, place, points in records:
        if not points:
            continue
        attribute, label = wordings[which][place]
        value = None if value_of is None else _shown(value_of(which))
        fields.append({"attribute": attribute, "label": label, "points": points, "value": value})
        terms.append(Term(attribute, label, points))
    return fields, terms


def is_enough(confidence: float) -> bool:
    """Whether enough is known about a lead for its tier to mean something."""
    return confidence >= ENOUGH


def sentence(tier: Tier, confidence: float, terms: Sequence[Term]) -> str:
    """One or two sentences from labels only, so that every role may read them."""
    speaks_for = ", ".join([part.phrase for part in terms if part.points > 0][:FOR_IN_SENTENCE])
    against = ", ".join([part.phrase for part in terms if part.points < 0][:AGAINST_IN_SENTENCE])
    if not speaks_for and not against:
        return NOTHING_KNOWN
    reasons = f"{speaks_for}; but {against}" if speaks_for and against else speaks_for or against
    return f"{OPENING[tier]}: {reasons}." if is_enough(confidence) else f"{NOTHING_KNOWN} So far: {reasons}."


def _shown(value: Value | datetime) -> Value:
    if isinstance(value, str):
        return value[:VALUE_LIMIT]
    return value.isoformat() if isinstance(value, datetime) else value
