"""Stores what each delivery added to a lead, for people to read; without personal data, and for a limited time.

The truth about a lead is in `leads`: nothing is computed from these rows.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas.score import Value

MOST_ATTRIBUTES = 40  # of one delivery that are kept; of the others, only the number
VALUE_LIMIT = 120  # characters of a value


class TimelineEntry(NamedTuple):
    """`contacts`: how many details were personal, which are sealed elsewhere."""

    lead_id: int
    at: datetime
    attributes: dict[str, Value]
    contacts: int
    stage: str | None
    owner: str | None
    outcome: str | None


class TimelineRow(NamedTuple):
    """`told` holds `attributes`, and where there were any `more` (attributes left out), `contacts`, `stage`, `owner`,
    `outcome`."""

    at: datetime
    received_at: datetime
    told: dict[str, Any]


class StoredEntry(NamedTuple):
    """`place`: where the row stands, as long as it is locked."""

    place: str
    lead_id: int
    told: dict[str, Any]


def insert_parameters(entries: Sequence[TimelineEntry], received_at: datetime) -> dict[str, Any]:
    """The parameters of INSERT."""
    return {
        "noted_ids": [entry.lead_id for entry in entries],
        "ats": [entry.at for entry in entries],
        "told": [orjson.dumps(_told(entry)).decode() for entry in entries],
        "received_at": received_at,
    }


def of_lead(db: Session, lead_id: int, limit: int) -> list[TimelineRow]:
    """The timeline of a lead, the newest first."""
    return [TimelineRow(*row) for row in db.execute(OF_LEAD, {"lead_id": lead_id, "limit": limit})]


def entries(db: Session, lead_ids: Sequence[int]) -> list[StoredEntry]:
    """All entries of these leads, locked until the transaction ends."""
    return [StoredEntry(*row) for row in db.execute(ENTRIES, {"ids": list(lead_ids)})]


def replace(db: Session, changed: Sequence[tuple[StoredEntry, dict[str, Any]]]) -> None:
    """Replaces what entries told that `entries` has returned in this transaction."""
    if changed:
        told = [orjson.dumps(told).decode() for _, told in changed]
        db.execute(REPLACE, {"places": [entry.place for entry, _ in changed], "told": told})


def prune(db: Session, before: datetime) -> None:
    db.execute(PRUNE, {"before": before})


def _told(entry: TimelineEntry) -> dict[str, object]:
    names = list(entry.attributes)[:MOST_ATTRIBUTES]
    extra = {
        "more": len(entry.attributes) - len(names),
        "contacts": entry.contacts,
        "stage": entry.stage,
        "owner": entry.owner,
        "outcome": entry.outcome,
    }
    attributes = {name: _short(entry.attributes[name]) for name in names}
    return {"attributes": attributes, **{name: value for name, value in extra.items() if value}}


def _short(value: Value) -> Value:
    return f"{value[:VALUE_LIMIT]}…" if isinstance(value, str) and len(value) > VALUE_LIMIT else value


INSERT = """
    INSERT INTO timeline (lead_id, at, received_at, told)
    SELECT v.lead_id, v.at, :received_at, v.told
      FROM unnest(CAST(:noted_ids AS bigint[]), CAST(:ats AS timestamptz[]), CAST(:told AS jsonb[]))
           AS v (lead_id, at, told)
"""

OF_LEAD = text("""
    SELECT at, received_at, told
      FROM timeline
     WHERE lead_id = :lead_id
     ORDER BY received_at DESC, at DESC
     LIMIT :limit
""")

ENTRIES = text("""
    SELECT CAST(ctid AS text), lead_id, told FROM timeline
     WHERE lead_id = ANY(CAST(:ids AS bigint[]))
     ORDER BY ctid FOR UPDATE
""")

REPLACE = text("""
    UPDATE timeline t SET told = v.told
      FROM unnest(CAST(:places AS tid[]), CAST(:told AS jsonb[])) AS v (place, told)
     WHERE t.ctid = v.place
""")

PRUNE = text("DELETE FROM timeline WHERE received_at < :before")
