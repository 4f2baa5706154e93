"""COPY, past SQLAlchemy: its errors are told as those of every other statement."""

from typing import Any, BinaryIO

import psycopg2
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp, TryAgain


def copy(db: Session, statement: str, file: BinaryIO, values: dict[str, Any] | None = None) -> None:
    """COPY … FROM STDIN or TO STDOUT. It takes no bound values: the driver quotes them (`%(name)s`).

    Raises GiveUp if PostgreSQL refuses the values of a row, TryAgain if it is away.
    """
    cursor: Any = db.connection().connection.cursor()
    try:
        cursor.copy_expert(cursor.mogrify(statement, values) if values else statement, file)
    except (psycopg2.DataError, psycopg2.IntegrityError) as error:
        # Its text quotes the row.
        raise GiveUp(f"PostgreSQL refused the values ({type(error).__name__} {error.pgcode})") from None
    except psycopg2.Error as error:
        raise TryAgain(f"PostgreSQL: {type(error).__name__} {error.pgcode}") from None
