"""Finds, locks, inserts and updates leads by their vendor's id; reads those that wait for a score."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas.lead import UnscoredLead

Key = tuple[str, str]  # source, external id


# The version of names and values as they are read today; leads of an earlier one are read again.
READING = 1


class LeadRow(NamedTuple):
    """`reading`: the version in which attributes and contacts were read."""

    id: int
    source: str
    external_id: str
    attributes: dict[str, Any]
    raw: dict[str, Any]
    attribute_times: dict[str, Any]
    stage: str | None
    owner: str | None
    outcome: str | None
    outcome_at: datetime | None
    active_at: datetime
    revision: int
    reading: int = READING
    received_at: datetime | None = None  # None until it is stored


class KnownLead(NamedTuple):
    """What a vector is encoded from."""

    id: int
    revision: int
    attributes: dict[str, Any]
    active_at: datetime


def lock(db: Session, keys: Sequence[Key]) -> list[LeadRow]:
    """The leads of these keys that exist, locked against other writers in ascending id."""
    return [LeadRow(*row) for row in db.execute(LOCK, _columns(("sources", "external_ids"), keys))]


def find(db: Session, keys: Sequence[Key]) -> list[LeadRow]:
    """The leads of these keys that exist, without locks."""
    return [LeadRow(*row) for row in db.execute(FIND, _columns(("sources", "external_ids"), keys))]


def lock_older(db: Session, limit: int) -> list[LeadRow]:
    """The first leads that an earlier version read, locked; those that another transaction holds are left to it."""
    return [LeadRow(*row) for row in db.execute(LOCK_OLDER, {"reading": READING, "limit": limit})]


def count_older(db: Session) -> int:
    """How many leads an earlier version read."""
    return int(db.execute(COUNT_OLDER, {"reading": READING}).scalar_one())


def beginning(db: Session, beginnings: Sequence[Key]) -> list[Key]:
    """The keys of the leads whose id begins so, whatever the case; `beginnings` are of letters and digits."""
    found = db.execute(BEGINNING, _columns(("sources", "beginnings"), beginnings))
    return [(source, external_id) for source, external_id in found]


def insert(db: Session, rows: Sequence[LeadRow], received_at: datetime) -> dict[Key, int]:
    """Inserts leads and returns the ids of the new ones, without keys that another transaction inserted meanwhile."""
    parameters = {**_parameters(rows), "received_at": received_at}
    inserted = db.execute(INSERT, parameters)
    return {(source, external_id): lead_id for lead_id, source, external_id in inserted}


def update(db: Session, rows: Sequence[LeadRow]) -> None:
    """Replaces all but key and received_at of leads that this transaction has locked."""
    db.execute(UPDATE, {**_parameters(rows), "ids": [row.id for row in rows]})


def waiting(db: Session, lead_ids: Sequence[int], *, untried: bool = False) -> list[UnscoredLead]:
    """Those of the leads that still need a score, as they are now; with `untried`, if no attempt is counted yet."""
    return [UnscoredLead(*row) for row in db.execute(WAITING, {"ids": list(lead_ids), "untried": untried})]


def known(db: Session, lead_ids: Sequence[int]) -> list[KnownLead]:
    """The leads with these ids, in ascending id."""
    return [KnownLead(*row) for row in db.execute(KNOWN_BY_ID, {"ids": list(lead_ids)})]


def of_sources(db: Session, lead_ids: Sequence[int], sources: Sequence[str]) -> list[UnscoredLead]:
    """Those of the leads that come from one of the sources, as they are now."""
    return [UnscoredLead(*row) for row in db.execute(OF_SOURCES, {"ids": list(lead_ids), "sources": list(sources)})]


def _parameters(rows: Sequence[LeadRow]) -> dict[str, Any]:
    columns = list(zip(*rows, strict=True))
    return {
        "sources": list(columns[1]),
        "external_ids": list(columns[2]),
        "attributes": [orjson.dumps(value).decode() for value in columns[3]],
        "raws": [orjson.dumps(value).decode() for value in columns[4]],
        "times": [orjson.dumps(value).decode() for value in columns[5]],
        "stages": list(columns[6]),
        "owners": list(columns[7]),
        "outcomes": list(columns[8]),
        "outcome_ats": list(columns[9]),
        "active_ats": list(columns[10]),
        "revisions": list(columns[11]),
        "readings": list(columns[12]),
    }


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


KNOWN = """
    SELECT l.id, l.source, l.external_id, l.attributes, l.raw, l.attribute_times, l.stage, l.owner, l.outcome,
           l.outcome_at, l.active_at, l.revision, l.reading, l.received_at
      FROM leads l"""

BY_KEY = f"""{KNOWN}
      JOIN unnest(CAST(:sources AS text[]), CAST(:external_ids AS text[])) AS k (source, external_id)
        ON l.source = k.source AND l.external_id = k.external_id
     ORDER BY l.id
"""

FIND = text(BY_KEY)

LOCK = text(f"{BY_KEY} FOR UPDATE OF l")

LOCK_OLDER = text(f"{KNOWN} WHERE l.reading < :reading ORDER BY l.id LIMIT :limit FOR UPDATE SKIP LOCKED")

COUNT_OLDER = text("SELECT count(*) FROM leads WHERE reading < :reading")

# By the index for searches by the beginning of an id; `~` comes after every letter and digit.
BEGINNING = text("""
    SELECT l.source, l.external_id
      FROM unnest(CAST(:sources AS text[]), CAST(:beginnings AS text[])) AS k (source, beginning)
      JOIN leads l ON lower(l.external_id) ~>=~ lower(k.beginning)
                  AND lower(l.external_id) ~<~ (lower(k.beginning) || '~')
                  AND l.source = k.source
""")

INSERT = text("""
    INSERT INTO leads (source, external_id, attributes, raw, attribute_times, stage, owner, outcome, outcome_at,
                       active_at, revision, reading, received_at)
    SELECT v.*, :received_at
      FROM unnest(CAST(:sources AS text[]), CAST(:external_ids AS text[]), CAST(:attributes AS jsonb[]),
                  CAST(:raws AS jsonb[]), CAST(:times AS jsonb[]), CAST(:stages AS text[]), CAST(:owners AS text[]),
                  CAST(:outcomes AS text[]), CAST(:outcome_ats AS timestamptz[]),
                  CAST(:active_ats AS timestamptz[]), CAST(:revisions AS bigint[]), CAST(:readings AS smallint[]))
           AS v (source, external_id, attributes, raw, times, stage, owner, outcome, outcome_at, active_at, revision,
                 reading)
     ORDER BY v.source, v.external_id -- one order for all writers, so that no two wait for each other
        ON CONFLICT (source, external_id) DO NOTHING
    RETURNING id, source, external_id
""")

UPDATE = text("""
    UPDATE leads l
       SET attributes = v.attributes, raw = v.raw, attribute_times = v.times, stage = v.stage, owner = v.owner,
           outcome = v.outcome, outcome_at = v.outcome_at, active_at = v.active_at, revision = v.revision,
           reading = v.reading
      FROM unnest(CAST(:ids AS bigint[]), CAST(:attributes AS jsonb[]), CAST(:raws AS jsonb[]), CAST(:times AS jsonb[]),
                  CAST(:stages AS text[]), CAST(:owners AS text[]), CAST(:outcomes AS text[]),
                  CAST(:outcome_ats AS timestamptz[]), CAST(:active_ats AS timestamptz[]),
                  CAST(:revisions AS bigint[]), CAST(:readings AS smallint[]))
           AS v (id, attributes, raw, times, stage, owner, outcome, outcome_at, active_at, revision, reading)
     WHERE l.id = v.id
""")

WAITING = text("""
    SELECT l.id, l.source, l.external_id, l.revision, l.attributes, l.stage, l.owner, l.outcome, l.active_at
      FROM unscored u
      JOIN leads l ON l.id = u.lead_id
     WHERE u.lead_id = ANY(CAST(:ids AS bigint[])) AND NOT u.dead
       AND (u.attempts = 0 OR NOT :untried)
     ORDER BY l.id
""")

KNOWN_BY_ID = text("""
    SELECT id, revision, attributes, active_at FROM leads WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")

OF_SOURCES = text("""
    SELECT id, source, external_id, revision, attributes, stage, owner, outcome, active_at
      FROM leads
     WHERE id = ANY(CAST(:ids AS bigint[])) AND source = ANY(CAST(:sources AS text[]))
     ORDER BY id
""")
