"""Inserts many leads at once: COPY into a temporary table, then one statement for those that are new."""

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.leads.contacts import SealedContact
from pipeline.storage.leads.lead_rows import Key, LeadRow
from pipeline.storage.platform.copy import copy

NULL = r"\N"
SPECIAL = re.compile(r"[\\\t\n\r]")
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def insert_unknown(db: Session, rows: Sequence[LeadRow], *, received_at: datetime, due: datetime) -> dict[Key, int]:
    """Inserts the leads that are new, which then wait for a score, and returns their ids; others stay as they are.

    Raises GiveUp if PostgreSQL refuses the values of a row, TryAgain if it is away.
    """
    db.execute(STAGE)
    copy(db, "COPY staged_leads FROM STDIN", _lines(map(_lead, rows)))
    inserted = db.execute(INSERT, {"received_at": received_at, "due": due})
    return {(source, external_id): lead_id for lead_id, source, external_id in inserted}


def insert_contacts(db: Session, contacts: Iterable[SealedContact]) -> None:
    """Inserts the contacts of leads that this transaction has inserted."""
    copy(db, COPY_CONTACTS, _lines(map(_contact, contacts)))


def _lines(rows: Iterable[str]) -> io.BytesIO:
    return io.BytesIO("".join(rows).encode())


def _lead(row: LeadRow) -> str:
    columns = (
        _text(row.source),
        _text(row.external_id),
        _json(row.attributes),
        _json(row.raw),
        _json(row.attribute_times),
        _text(row.stage),
        _text(row.owner),
        _text(row.outcome),
        NULL if row.outcome_at is None else row.outcome_at.isoformat(),
        row.active_at.isoformat(),
        str(row.revision),
        str(row.reading),
    )
    return "\t".join(columns) + "\n"


def _contact(contact: SealedContact) -> str:
    sealed = (_bytea(value) for value in contact[1:])
    return "\t".join((str(contact.lead_id), *sealed)) + "\n"


def _text(value: str | None) -> str:
    if value is None:
        return NULL
    return value if SPECIAL.search(value) is None else value.translate(ESCAPES)


def _bytea(value: bytes | None) -> str:
    return NULL if value is None else rf"\\x{value.hex()}"


def _json(value: object) -> str:
    # JSON writes tabs and line ends as escapes itself.
    return orjson.dumps(value).decode().replace("\\", "\\\\")


COPY_CONTACTS = "COPY lead_contacts (lead_id, sealed, email_index, phone_index) FROM STDIN"

STAGE = text("""
    CREATE TEMPORARY TABLE staged_leads (
        source text, external_id text, attributes jsonb, raw jsonb, attribute_times jsonb, stage text, owner text,
        outcome text, outcome_at timestamptz, active_at timestamptz, revision bigint, reading smallint
    ) ON COMMIT DROP
""")

INSERT = text("""
    WITH new AS (
        INSERT INTO leads (source, external_id, attributes, raw, attribute_times, stage, owner, outcome, outcome_at,
                           active_at, revision, reading, received_at)
        SELECT s.*, :received_at FROM staged_leads s
         ORDER BY s.source, s.external_id -- one order for all writers, so that no two wait for each other
            ON CONFLICT (source, external_id) DO NOTHING
        RETURNING id, source, external_id, revision
    ), owed AS (
        INSERT INTO unscored (lead_id, lead_revision, since, due) SELECT id, revision, now(), :due FROM new
    )
    SELECT id, source, external_id FROM new
""")
