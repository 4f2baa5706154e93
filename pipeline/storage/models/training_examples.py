"""Stores early snapshots of leads, and reads those with an outcome as training examples."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.platform.engine import allow
from schemas.example import Early, Example, Split
from schemas.lead import Outcome
from schemas.model_card import Window
from schemas.score import Value

NEWEST = 0.2  # part of the leads that is the test
MOST = 200_000  # leads that are learned from; more cost hours and gain nothing
MOST_TESTED = 100_000
STREAMED = {"yield_per": 2000}  # rows held at once besides what was made of them
LONGEST_S = 600  # of one statement
WINDOW = ("leads", "won", "since", "until", "imported")


class Recent(NamedTuple):
    """A recent lead as it was early; its outcome may not be known."""

    attributes: dict[str, Value]
    as_of: datetime
    received_at: datetime


def capture(db: Session, leads: Sequence[tuple[int, Early]]) -> None:
    """Saves snapshots of leads that this transaction has locked or inserted, and that have none yet."""
    if leads:
        db.execute(text(CAPTURE), capturing(leads))


def capturing(leads: Sequence[tuple[int, Early]]) -> dict[str, Any]:
    """The parameters of CAPTURE."""
    return {
        "captured_ids": [lead_id for lead_id, _ in leads],
        "early": [orjson.dumps(early.attributes).decode() for _, early in leads],
        "as_ofs": [early.as_of for _, early in leads],
        "imported": [early.imported for _, early in leads],
    }


def snapshots(db: Session, lead_ids: Sequence[int]) -> list[tuple[int, dict[str, Value]]]:
    """The attributes of these leads as they were early, of those that have a snapshot, locked."""
    return [(lead_id, attributes) for lead_id, attributes in db.execute(SNAPSHOTS, {"ids": list(lead_ids)})]


def replace(db: Session, changed: Sequence[tuple[int, dict[str, Value]]]) -> None:
    """Replaces the attributes of snapshots that this transaction has locked."""
    if changed:
        attributes = [orjson.dumps(attributes).decode() for _, attributes in changed]
        db.execute(REPLACE, {"ids": [lead_id for lead_id, _ in changed], "attributes": attributes})


def split(
    db: Session, *, newest: float = NEWEST, most: int = MOST, most_tested: int = MOST_TESTED, seed: int = 0
) -> Split:
    """The examples, split by time; takes half a minute for a million leads. Equal seeds give equal samples."""
    allow(db, LONGEST_S)
    parts: tuple[list[Example], list[Example]] = ([], [])
    windows: list[Window | None] = [None, None]
    parameters = {"won": Outcome.WON.value, "newest": newest, "most": most, "most_tested": most_tested, "seed": seed}
    for lead_id, attributes, as_of, won, imported, newer, *window in db.execute(
        SPLIT, parameters, execution_options=STREAMED
    ):
        if not parts[newer]:
            windows[newer] = Window(**dict(zip(WINDOW, window, strict=True)))
        parts[newer].append(Example(lead_id, attributes, as_of, won, imported))
    return Split(*parts, *windows)


def recent(db: Session, since: datetime, until: datetime, limit: int) -> list[Recent]:
    """The newest leads that came in after `since` and before `until`, as they were early.

    Leads of which that is not known are left out. `until` is when the early time of the youngest had ended: about one
    that has just come, less is known than of those that were learned from.
    """
    return [Recent(*row) for row in db.execute(RECENT, {"since": since, "until": until, "limit": limit})]


SNAPSHOTS = text("""
    SELECT lead_id, attributes FROM training_examples
     WHERE lead_id = ANY(CAST(:ids AS bigint[]))
     ORDER BY lead_id FOR UPDATE
""")

REPLACE = text("""
    UPDATE training_examples e SET attributes = v.attributes
      FROM unnest(CAST(:ids AS bigint[]), CAST(:attributes AS jsonb[])) AS v (lead_id, attributes)
     WHERE e.lead_id = v.lead_id
""")

CAPTURE = """
    INSERT INTO training_examples (lead_id, attributes, as_of, imported)
    SELECT v.* FROM unnest(CAST(:captured_ids AS bigint[]), CAST(:early AS jsonb[]), CAST(:as_ofs AS timestamptz[]),
                           CAST(:imported AS boolean[])) AS v (lead_id, attributes, as_of, imported)
"""

# Attributes are read of the drawn leads only: those of a million would not fit into memory.
SPLIT = text("""
    WITH known AS (
        SELECT l.id, COALESCE(e.as_of, l.active_at) AS as_of, l.outcome = :won AS won,
               COALESCE(e.imported, true) AS imported
          FROM leads l
          LEFT JOIN training_examples e ON e.lead_id = l.id
         WHERE l.outcome IS NOT NULL
           -- how a lead was early is not known if that time has ended and no copy was kept
           AND (e.lead_id IS NOT NULL OR NOT l.attribute_times ? '$early')
    ), cut AS (
        SELECT *, row_number() OVER (ORDER BY as_of DESC, id DESC) <= round(:newest * count(*) OVER ()) AS newer
          FROM known
    ), drawn AS (
        SELECT *, row_number() OVER (PARTITION BY newer ORDER BY hashint8extended(id, :seed), id) AS turn,
               count(*) OVER part AS leads, count(*) FILTER (WHERE won) OVER part AS wins,
               min(as_of) OVER part AS since, max(as_of) OVER part AS until,
               count(*) FILTER (WHERE imported) OVER part AS imports
          FROM cut
        WINDOW part AS (PARTITION BY newer)
    )
    SELECT d.id, COALESCE(e.attributes, l.attributes), d.as_of, d.won, d.imported, d.newer,
           d.leads, d.wins, d.since, d.until, d.imports
      FROM drawn d
      JOIN leads l ON l.id = d.id
      LEFT JOIN training_examples e ON e.lead_id = d.id
     WHERE d.turn <= CASE WHEN d.newer THEN :most_tested ELSE :most END
     ORDER BY d.as_of, d.id
""")

# The newest by id: leads come in by rising ids, nearly.
RECENT = text("""
    SELECT COALESCE(e.attributes, l.attributes), COALESCE(e.as_of, l.active_at), l.received_at
      FROM (SELECT * FROM leads WHERE received_at < :until ORDER BY id DESC LIMIT :limit) l
      LEFT JOIN training_examples e ON e.lead_id = l.id
     WHERE l.received_at > :since AND (e.lead_id IS NOT NULL OR NOT l.attribute_times ? '$early')
""")
