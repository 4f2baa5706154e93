"""Many new leads at once: COPY into a temporary table, and from there all that nobody knew, in one statement."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import psycopg2
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp, TryAgain
from pipeline.storage.leads import Key, LeadRow

NULL = r"\N"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def insert_unknown(db: Session, rows: Sequence[LeadRow], received_at: datetime) -> dict[Key, int]:
    """Ids of the leads that were new; those that exist, or that another transaction brings into being, are left alone.

    Raises GiveUp if PostgreSQL refuses the values of a row, TryAgain if it is away.
    """
    db.execute(STAGE)
    cursor: Any = db.connection().connection.cursor()
    try:
        cursor.copy_expert("COPY staged_leads FROM STDIN", io.BytesIO("".join(map(_line, rows)).encode()))
    except psycopg2.OperationalError as error:
        raise TryAgain("PostgreSQL went away") from error
    except psycopg2.Error as error:
        # Its text quotes the row.
        raise GiveUp(f"PostgreSQL refused the values ({type(error).__name__} {error.pgcode})") from error
    found = db.execute(INSERT, {"received_at": received_at})
    return {(source, external_id): lead_id for lead_id, source, external_id in found}


def _line(row: LeadRow) -> str:
    columns = (
        row.source.translate(ESCAPES),
        row.external_id.translate(ESCAPES),
        _json(row.attributes),
        _json(row.attribute_times),
        NULL if row.stage is None else row.stage.translate(ESCAPES),
        NULL if row.owner is None else row.owner.translate(ESCAPES),
        row.outcome or NULL,
        NULL if row.outcome_at is None else row.outcome_at.isoformat(),
        row.active_at.isoformat(),
        str(row.revision),
    )
    return "\t".join(columns) + "\n"


def _json(value: object) -> str:
    # JSON writes tabs and line ends as escapes itself.
    return orjson.dumps(value).decode().replace("\\", "\\\\")


STAGE = text("""
    CREATE TEMPORARY TABLE staged_leads (
        source text, external_id text, attributes jsonb, attribute_times jsonb, stage text, owner text, outcome text,
        outcome_at timestamptz, active_at timestamptz, revision bigint
    ) ON COMMIT DROP
""")

INSERT = text("""
    INSERT INTO leads (source, external_id, attributes, attribute_times, stage, owner, outcome, outcome_at, active_at,
                       revision, received_at)
    SELECT s.*, :received_at FROM staged_leads s
     ORDER BY s.source, s.external_id -- one order for all writers, so that no two wait for each other
        ON CONFLICT (source, external_id) DO NOTHING
    RETURNING id, source, external_id
""")
