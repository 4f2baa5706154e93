"""Reads and writes many scores with PostgreSQL's binary COPY, whose records of one width numpy handles as arrays.

Rows of the text protocol cost 30 µs a lead in Python, these cost 2. (Source of the format: PostgreSQL, "COPY", File
Formats, Binary Format.)
"""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.platform.copy import copy
from pipeline.storage.runs.lead_selection import Selection

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

Records = NDArray[np.void]


def read(db: Session, chosen: Selection, first: int, last: int, *, model_id: int, width: int) -> Records:
    """The saved scores of the chosen leads from `first` to `last`, in ascending id, each with a `vector` of `width`.

    Where `fresh` is 0, the stored vector is another model's, or older than the score, and `vector` holds zeros.
    """
    kind = _records(
        [("id", ">i8"), ("score", ">f4"), ("tier", "S1"), ("rev", ">i8"), ("lead_revision", ">i8"), ("fresh", "u1")],
        [("vector", "<f4", width)],
    )
    query = READ.format(tables=chosen.tables, conditions=chosen.conditions)
    values = {**chosen.values, "first": first, "last": last, "model_id": model_id, "bytes": 4 * width}
    raw = io.BytesIO()
    copy(db, f"COPY ({query}) TO STDOUT (FORMAT binary)", raw, values)
    content = raw.getbuffer()
    count = (len(content) - len(HEADER) - len(TRAILER)) // kind.itemsize
    records: Records = np.frombuffer(content, kind, count, len(HEADER))
    return records


def bounds(db: Session) -> tuple[int, int]:
    """The lowest and the highest id of a lead that has a score."""
    first, last = db.execute(BOUNDS).one()
    return first, last


def write(db: Session, columns: Sequence[tuple[str, str, NDArray[Any]]], table: str) -> None:
    """Appends columns (name, numpy type on the wire, values) of one length to a table with columns in this order."""
    kind = _records([(name, form) for name, form, _ in columns])
    records = np.zeros(len(columns[0][2]), kind)
    records["fields"] = len(columns)
    for name, form, values in columns:
        records[f"{name}_bytes"] = np.dtype(form).itemsize
        records[name] = values
    names = ", ".join(name for name, _, _ in columns)
    sent = io.BytesIO(b"".join((HEADER, records.tobytes(), TRAILER)))
    copy(db, f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", sent)


def _records(*groups: Sequence[tuple[Any, ...]]) -> np.dtype[np.void]:
    """The type of a record: the count of fields, then each field after its length."""
    fields: list[tuple[Any, ...]] = [("fields", ">i2")]
    for group in groups:
        for name, *form in group:
            fields += [(f"{name}_bytes", ">i4"), (name, *form)]
    return np.dtype(fields)


READ = """
    SELECT s.lead_id, s.score, s.tier, s.rev, s.lead_revision, COALESCE(v.fresh, false),
           CASE WHEN v.fresh THEN f.vector ELSE decode(repeat('00', %(bytes)s), 'hex') END
      FROM {tables}
      LEFT JOIN feature_vectors f ON f.lead_id = s.lead_id
     CROSS JOIN LATERAL (SELECT f.feature_set = %(model_id)s AND f.lead_revision = s.lead_revision
                                AND octet_length(f.vector) = %(bytes)s AS fresh) AS v
     WHERE s.lead_id BETWEEN %(first)s AND %(last)s AND {conditions}
     ORDER BY s.lead_id
"""

BOUNDS = text("SELECT COALESCE(min(lead_id), 1), COALESCE(max(lead_id), 0) FROM scores")
