"""The outbox: events that are saved with their fact and not published yet.

A reader that remembers the highest id would lose rows, because a lower id can commit later. So the publisher reads the
oldest rows, publishes them and deletes them, and finds what commits late the next time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Session

from pipeline.storage.platform.after_commit import note_events
from schemas.event import EventKind

# One number for the whole database: whoever holds it publishes.
LEADER_LOCK = 0x7365727669636536  # "service6"


class OutboxRow(NamedTuple):
    """A row of the outbox; what only the guarded write knew is in columns of its own, not in `body`."""

    id: int
    kind: str
    key: str
    rev: int
    at: datetime
    previous_score: float | None
    owner: str | None
    previous_owner: str | None
    body: str


class OutboxBacklog(NamedTuple):
    events: int
    oldest_s: float


OLDEST = text("""
    SELECT id, kind, key, rev, at, previous_score, owner, previous_owner, body
      FROM outbox
     ORDER BY id
     LIMIT :limit
""")

DELETE = text("DELETE FROM outbox WHERE id = ANY(:ids)").bindparams(bindparam("ids", type_=ARRAY(BIGINT)))

# The log is flushed in its order, so one commit that waits for the disk waits for all before it.
MAKE_DURABLE = text("SELECT pg_logical_emit_message(true, 'service6', '')")

WAIT_FOR_THE_DISK = text("SET LOCAL synchronous_commit = on")


def appending(select: str) -> str:
    """An INSERT that appends events within another statement, from a SELECT of these seven columns.

    It is for statements that know the new `rev` only in SQL.
    """
    return f"INSERT INTO outbox (kind, key, rev, previous_score, owner, previous_owner, body) {select}"


APPEND = text("""
    INSERT INTO outbox (kind, key, rev, at, body)
    VALUES (:kind, :key, :rev, coalesce(CAST(:at AS timestamptz), now()), :body)
""")

APPEND_SCORES = text(
    appending(f"""
    SELECT '{EventKind.SCORE}', 'lead:' || lead_id, rev, previous_score, owner, owner, body
      FROM unnest(CAST(:lead_id AS bigint[]), CAST(:rev AS bigint[]), CAST(:previous_score AS real[]),
                  CAST(:owner AS text[]), CAST(:body AS text[])) AS v (lead_id, rev, previous_score, owner, body)
    """)  # noqa: S608
)

BACKLOG = text("""
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)
      FROM outbox
""")

# A session's lock lasts as long as PostgreSQL believes in its client, so it must notice soon when that has gone.
WATCH_CLIENT = text("""
    SELECT set_config('client_connection_check_interval', '2s', false),
           set_config('tcp_keepalives_idle', '5', false),
           set_config('tcp_keepalives_interval', '2', false),
           set_config('tcp_keepalives_count', '3', false)
""")

LEAD = text("SELECT pg_try_advisory_lock(:lock)")


def oldest(db: Session, limit: int) -> list[OutboxRow]:
    """The oldest rows by id; they stay until they are discarded."""
    return [OutboxRow(*row) for row in db.execute(OLDEST, {"limit": limit})]


def append(db: Session, kind: EventKind, key: str, rev: int, body: str, at: datetime | None = None) -> None:
    """Appends one event; `at` is when it happened, by default now."""
    db.execute(APPEND, {"kind": kind, "key": key, "rev": rev, "at": at, "body": body})
    note_events(db)


class ScoreEvent(NamedTuple):
    """A saved score as an event of its own."""

    lead_id: int
    rev: int
    previous_score: float
    owner: str | None
    body: str


def append_scores(db: Session, events: Sequence[ScoreEvent]) -> None:
    """Appends an event per score; the transaction waits for the disk, so that no event is seen before it is durable."""
    db.execute(WAIT_FOR_THE_DISK)
    columns = [list(column) for column in zip(*events, strict=True)]
    db.execute(APPEND_SCORES, dict(zip(ScoreEvent._fields, columns, strict=True)))
    note_events(db)


def delete(db: Session, ids: Sequence[int]) -> None:
    db.execute(DELETE, {"ids": list(ids)})


def make_durable(db: Session) -> None:
    """Returns when all commits are on the disk, including those that did not wait for it."""
    db.execute(MAKE_DURABLE)


def backlog(db: Session) -> OutboxBacklog:
    events, oldest_s = db.execute(BACKLOG).one()
    return OutboxBacklog(events, float(oldest_s))


def try_lead(db: Session) -> bool:
    """Tries to become the only publisher, as long as this connection lasts."""
    db.execute(WATCH_CLIENT)
    leading: bool = db.execute(LEAD, {"lock": LEADER_LOCK}).scalar_one()
    return leading
