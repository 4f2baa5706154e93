"""What one term of a learned model gives and takes, as a chart draws it."""

from typing import Literal

from pydantic import Field

from schemas.frozen import Frozen


class ShapeRow(Frozen):
    """`low` and `high` in the unit of the attribute, for moments in days of age; null where it has no such end."""

    label: str
    low: float | None
    high: float | None


class ShapeAxis(Frozen):
    """The first row is a value that is not known; of words the last may be any other word."""

    attribute: str
    label: str
    kind: Literal["number", "category", "age", "until"]
    rows: tuple[ShapeRow, ...]


class TermShape(Frozen):
    """`points` and `doubts` by row of the axis; of two, row of the first × rows of the second + row of the second."""

    axes: tuple[ShapeAxis, ...]
    points: tuple[float, ...] = Field(description="by which only this term moves the score of an average lead")
    doubts: tuple[float, ...] = Field(description="± points within which nine of ten models of other leads would agree")
    importance: float = Field(description="what it gives or takes on average, in logits")
