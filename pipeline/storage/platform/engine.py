"""Connections and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from pipeline.errors import Disturbed, GiveUp, TryAgain

CONNECT_TIMEOUT_S = 3
MENDING_S = 30.0
# So that a server that vanished without a word is missed within seconds, not when the kernel gives up after hours.
LIVENESS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
POOL_WAIT_S = 3
DISTURBED = frozenset({"40001", "40P01"})  # a serialization failure, a deadlock


def engine(url: str, *, pool_size: int, statement_timeout_s: float, autocommit: bool = False) -> Engine:
    """Connects when first used; parameters are never in an error's text.

    With `autocommit` each statement is its own transaction. An engine is for one of the two, because a connection that
    changes between them asks the server twice.
    """
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            **LIVENESS,
            "options": f"-c statement_timeout={int(statement_timeout_s * 1000)} -c timezone=UTC",
        },
    )


@contextmanager
def transaction(connections: Engine) -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any error.

    Raises TryAgain if PostgreSQL is away, Disturbed if it asks for a repeat, GiveUp if it refuses the values.
    """
    with _translated(), Session(connections, expire_on_commit=False) as db, db.begin():
        yield db


@contextmanager
def statements(connections: Engine) -> Iterator[Session]:
    """Each statement is its own transaction, which saves two of three round trips; for an engine with `autocommit`.

    Raises as above.
    """
    with _translated(), Session(connections, expire_on_commit=False) as db:
        yield db


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, TimeoutError) as error:
        kind = Disturbed if _code(error) in DISTURBED else TryAgain
        raise kind(f"PostgreSQL: {_reason(error)}") from error
    except (DataError, IntegrityError) as error:
        # Without its cause, which quotes the row wherever a traceback is logged.
        raise GiveUp(f"PostgreSQL refused the values ({_reason(error)})") from None
    except DBAPIError as error:
        # A read-only standby, a missing migration, a missing right: no value's fault, and it may be mended.
        raise TryAgain(f"PostgreSQL: {_reason(error)}", after_s=MENDING_S) from None


def _reason(error: Exception) -> str:
    """The kind of error alone: its text may quote a row."""
    code = _code(error)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _code(error: Exception) -> str | None:
    code: str | None = getattr(getattr(error, "orig", None), "pgcode", None)
    return code
