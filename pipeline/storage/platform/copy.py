"""Runs COPY, which SQLAlchemy does not support, and translates its errors like those of any statement."""

from typing import Any, BinaryIO

import psycopg2
from sqlalchemy.orm import Session

from pipeline.storage.platform.engine import must_leave, translated


def copy(db: Session, statement: str, file: BinaryIO, values: dict[str, Any] | None = None) -> None:
    """Runs COPY … FROM STDIN or TO STDOUT. COPY takes no bound values, so the driver quotes them (`%(name)s`).

    Raises as a transaction does.
    """
    connection = db.connection()
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(cursor.mogrify(statement, values) if values else statement, file)
    except psycopg2.Error as error:
        lost = bool(cursor.connection.closed) or must_leave(error)
        if lost:
            connection.invalidate()
        raise translated(error, lost=lost) from None
