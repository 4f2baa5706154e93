"""Terms of the sum -> the strongest factors, kept in a few bytes -> words when someone reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.features import Bins
from schemas.score import Tier, Value

STRONGEST = 5
DECIMALS = 2  # of points, as people read them
PACKED = np.dtype([("feature", "<u2"), ("bin", "<u2"), ("points", "<f4")])

OPENING = {
    Tier.A: "Strong lead",
    Tier.B: "Promising lead",
    Tier.C: "Undecided lead",
    Tier.D: "Weak lead",
}
NOTHING_KNOWN = "Not enough is known about this lead yet."
# Of two or three attributes, its last activity among them; a tier from less is little more than a guess.
ENOUGH = 0.15
FOR_IN_SENTENCE = 3
AGAINST_IN_SENTENCE = 2
VALUE_LIMIT = 120  # characters of an attribute's value in a factor


def strongest(terms: NDArray[np.float64], bins: Bins) -> NDArray[np.void]:
    """(n, features) terms -> (n, ≤ 5) records of `PACKED`, largest points first whatever their sign."""
    order = np.argsort(-np.abs(terms), axis=1, kind="stable")[:, :STRONGEST]
    packed = np.zeros(order.shape, PACKED)
    packed["feature"] = order
    packed["bin"] = np.take_along_axis(bins, order, axis=1)
    packed["points"] = np.take_along_axis(terms, order, axis=1)
    return packed


def packed_bins(bins: Bins) -> NDArray[np.uint16]:
    """Two bytes a feature: which terms a score was the sum of, for as long as its model version is kept."""
    return bins.astype("<u2")


def unpack_bins(packed: bytes) -> list[int]:
    return np.frombuffer(packed, "<u2").tolist()  # type: ignore[no-any-return]


def unpack(packed: bytes) -> NDArray[np.void]:
    return np.frombuffer(packed, PACKED)


@dataclass(frozen=True)
class Wording:
    """What one bin of one feature says; `phrase` is its part of the sentence."""

    attribute: str
    label: str
    points: float
    phrase: str


Wordings = Sequence[Sequence[Wording]]  # by feature, then by bin


def wording(attribute: str, label: str, points: float) -> Wording:
    sign = "+" if points > 0 else "−"
    return Wording(attribute, label, round(points, DECIMALS), f"{label} ({sign}{abs(points):g})")


def factors(
    packed: NDArray[np.void], wordings: Wordings, values: Sequence[Value | datetime] | None
) -> tuple[list[dict[str, Value]], list[Wording]]:
    """The fields of each `Factor`, and its wording; `values` None leaves the lead's own values out."""
    seen = [(feature, wordings[feature][place]) for feature, place, points in packed.tolist() if points]
    fields: list[dict[str, Value]] = [
        {
            "attribute": word.attribute,
            "label": word.label,
            "points": word.points,
            "value": None if values is None else _shown(values[feature]),
        }
        for feature, word in seen
    ]
    return fields, [word for _, word in seen]


def is_enough(confidence: float) -> bool:
    """Whether enough is known of a lead for its tier to mean something."""
    return confidence >= ENOUGH


def sentence(tier: Tier, confidence: float, words: Sequence[Wording]) -> str:
    """One sentence or two, from labels alone, so that they are fit for every role."""
    speaks_for = [word.phrase for word in words if word.points > 0][:FOR_IN_SENTENCE]
    against = [word.phrase for word in words if word.points < 0][:AGAINST_IN_SENTENCE]
    if not speaks_for and not against:
        return NOTHING_KNOWN
    reasons = "; but ".join(", ".join(group) for group in (speaks_for, against) if group)
    return f"{OPENING[tier]}: {reasons}." if is_enough(confidence) else f"{NOTHING_KNOWN} So far: {reasons}."


def _shown(value: Value | datetime) -> Value:
    if isinstance(value, datetime):
        return value.isoformat()
    return value[:VALUE_LIMIT] if isinstance(value, str) else value
