"""Stores what the values of each attribute of a source have been: how they are written, and how many were doubtful."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class SourceAttribute(NamedTuple):
    """`marks`: bits, 1 for a decimal dot and 2 for a comma. `day_places`: bits, 1 for the day first, 2 for the month.

    The counts are of values: that could be read in two ways, not at all, or in a currency without a rate.
    """

    source: str
    attribute: str
    marks: int
    day_places: int
    ambiguous: int
    unreadable: int
    not_comparable: int


def add(db: Session, notes: Sequence[SourceAttribute]) -> None:
    """Adds to what is stored: bits are united, counts summed."""
    if notes:
        ordered = sorted(notes)  # one order for all writers, so that no two wait for each other
        db.execute(ADD, {name: list(column) for name, column in zip(COLUMNS, zip(*ordered, strict=True), strict=True)})


def of_source(db: Session, source: str) -> list[SourceAttribute]:
    return [SourceAttribute(*row) for row in db.execute(OF_SOURCE, {"source": source})]


COLUMNS = SourceAttribute._fields

ADD = text("""
    INSERT INTO source_attributes AS a (source, attribute, marks, day_places, ambiguous, unreadable, not_comparable)
    SELECT * FROM unnest(CAST(:source AS text[]), CAST(:attribute AS text[]), CAST(:marks AS smallint[]),
                         CAST(:day_places AS smallint[]), CAST(:ambiguous AS bigint[]),
                         CAST(:unreadable AS bigint[]), CAST(:not_comparable AS bigint[]))
        ON CONFLICT (source, attribute) DO UPDATE
       SET marks = a.marks | excluded.marks, day_places = a.day_places | excluded.day_places,
           ambiguous = a.ambiguous + excluded.ambiguous, unreadable = a.unreadable + excluded.unreadable,
           not_comparable = a.not_comparable + excluded.not_comparable
""")

OF_SOURCE = text("""
    SELECT source, attribute, marks, day_places, ambiguous, unreadable, not_comparable
      FROM source_attributes WHERE source = :source ORDER BY attribute
""")
