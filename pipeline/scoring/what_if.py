"""The what-if inputs of a lead: one for each feature of the model."""

from collections.abc import Mapping
from datetime import datetime
from math import isnan
from typing import Literal

from pipeline.scoring.encoding import MOMENTS_FROM, Feature, days
from pipeline.scoring.model import Model
from schemas.score import Value, WhatIfInput

BEYOND = 1.5  # how far a slider goes past the last cut: what lies there counts alike


def what_if_inputs(
    model: Model, attributes: Mapping[str, Value], active_at: datetime, as_of: datetime
) -> tuple[WhatIfInput, ...]:
    """The inputs in the model's order; `value` is the lead's own, in the unit of the input."""
    values = model.features.values(attributes, active_at)
    numbers = model.features.encode(values)
    return tuple(
        _words(feature, label, value)
        if feature.kind == "category"
        else _range(feature, label, None if isnan(number) else number, as_of)
        for feature, label, value, number in zip(model.features.features, model.labels, values, numbers, strict=True)
    )


def _words(feature: Feature, label: str, value: Value | datetime) -> WhatIfInput:
    """An input of words: the first of each group that counts alike; `value` is the lead's own if it is no such word."""
    first: dict[int, str] = {}
    for word, code in feature.codes.items():
        first.setdefault(code, word)
    own = None if value is None else str(value).strip().casefold()
    shown = first.get(feature.codes.get(own, 0), own) if own else None
    return WhatIfInput(attribute=feature.name, label=label, kind="word", value=shown, words=tuple(first.values()))


def _range(feature: Feature, label: str, number: float | None, as_of: datetime) -> WhatIfInput:
    if feature.kind == "age" and number is not None:
        number = max(0.0, round(days(as_of) - number, 1))
    if feature.kind == "until" and number is not None and number > MOMENTS_FROM / 2:
        number = max(0.0, round(number - MOMENTS_FROM - days(as_of), 1))
    low = min((0.0, *feature.cuts, *(() if number is None else (number,))))
    high = max((1.0, *(cut * BEYOND for cut in feature.cuts), *(() if number is None else (number,))))
    kind: Literal["days", "number"] = "days" if feature.kind == "age" else "number"
    return WhatIfInput(attribute=feature.name, label=label, kind=kind, value=number, low=low, high=high)
