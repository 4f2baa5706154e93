"""Connects to PostgreSQL, opens transactions, and translates the driver's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg2
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, TimeoutError
from sqlalchemy.orm import Session

from pipeline.errors import ConnectionLost, Disturbed, GiveUp, TryAgain
from pipeline.storage.platform.watchdog import Unanswered, Watchdog, WatchedConnection

CONNECT_TIMEOUT_S = 3
MENDING_S = 30.0  # Retry-After where an operator has to act
ANSWERS_AGAIN_S = 5.0  # Retry-After where it hangs or another server takes over
# How much longer than `statement_timeout` PostgreSQL has for saying that it is over; after that it hangs.
HANGS_AFTER = 1.1
RECYCLE_S = 900  # so that no connection stays for ever with a server that is not the primary any more
# So that a server that vanished is noticed within seconds, not when the kernel gives up after hours.
LIVENESS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
POOL_WAIT_S = 3
DISTURBED = frozenset({"40001", "40P01"})  # a serialization failure, a deadlock
# With another server it may work: read-only (a primary that was demoted), shut down, crashed, starting up.
LEAVE = frozenset({"25006", "57P01", "57P02", "57P03"})
TOO_LARGE = "54"  # the class of errors about values that exceed a limit of PostgreSQL, as of an index


def engine(
    url: str,
    *,
    pool_size: int,
    statement_timeout_s: float,
    autocommit: bool = False,
    keeps_session: bool = False,
) -> Engine:
    """Connects when first used; parameters are never in an error's text.

    With `autocommit` each statement is its own transaction. An engine is for one of the two, because a connection that
    changes between them asks the server twice. A connection that ended while nobody used it is replaced before it is
    used again; with `keeps_session` its user is told instead, who has a lock of that session.
    """
    watchdog = Watchdog(HANGS_AFTER * statement_timeout_s)
    created = create_engine(
        url,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_recycle=-1 if keeps_session else RECYCLE_S,
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            **LIVENESS,
            **one_of_several(url),
            "options": f"-c statement_timeout={int(statement_timeout_s * 1000)} -c timezone=UTC",
            "connection_factory": watchdog.connect,
        },
    )
    event.listen(created, "handle_error", _leave)
    if not keeps_session:
        event.listen(created, "checkout", _prove)
    return created


def allow(db: Session, seconds: float) -> None:
    """Sets how long each statement may take until the transaction ends."""
    db.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
    connection: Any = db.connection().connection.driver_connection
    if isinstance(connection, WatchedConnection):
        connection.answer_s = HANGS_AFTER * seconds


def one_of_several(url: str) -> dict[str, str]:
    """Options that choose the host that takes writes, if the URL names several and does not say otherwise."""
    parsed = make_url(url)
    hosts = parsed.query.get("host", parsed.host or "")
    several = len(hosts) > 1 if isinstance(hosts, tuple) else "," in hosts
    return {"target_session_attrs": "read-write"} if several and "target_session_attrs" not in parsed.query else {}


def _prove(connection: WatchedConnection, *_: object) -> None:
    """Replaces a connection whose session has ended, and has all idle ones checked again."""
    if connection.is_dead:
        raise InvalidatePoolError


def _leave(context: ExceptionContext) -> None:
    """Marks a connection to a server that cannot serve us as lost, and with it all older ones."""
    if must_leave(context.original_exception):
        context.is_disconnect = True


def must_leave(error: BaseException) -> bool:
    return getattr(error, "pgcode", None) in LEAVE


@contextmanager
def transaction(connections: Engine) -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any error.

    Raises TryAgain if PostgreSQL is away, ConnectionLost if it was there before, Disturbed if it asks for a repeat,
    GiveUp if it refuses the values.
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
    except DBAPIError as error:
        raise translated(error.orig, lost=error.connection_invalidated) from None
    except TimeoutError:
        raise TryAgain("PostgreSQL: all connections are in use") from None


def translated(error: BaseException | None, *, lost: bool) -> TryAgain | GiveUp:
    """The project's error for an error of the driver; `lost`: its connection cannot be used any more.

    Only refused values are the sender's fault; everything else may pass. The text names the kind of the error
    only, and it must be raised without its cause: what PostgreSQL says may quote a row.
    """
    code: str = getattr(error, "pgcode", None) or ""
    reason = f"{type(error).__name__} {code}".rstrip()
    if isinstance(error, Unanswered):
        return TryAgain("PostgreSQL does not answer", after_s=ANSWERS_AGAIN_S)
    if code in DISTURBED:
        return Disturbed(f"PostgreSQL: {reason}")
    if isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError)) or code.startswith(TOO_LARGE):
        return GiveUp(f"PostgreSQL refused the values ({reason})")
    if lost:
        return ConnectionLost(f"PostgreSQL: {reason}", after_s=ANSWERS_AGAIN_S)
    if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return TryAgain(f"PostgreSQL: {reason}")
    # A missing migration, a missing right.
    return TryAgain(f"PostgreSQL: {reason}", after_s=MENDING_S)
