"""Stores answers to writes that a client may repeat because it did not receive the first answer."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

KEPT = timedelta(hours=24)


class Earlier(NamedTuple):
    """The earlier request of the same actor with this key (a digest), and its answer."""

    request: bytes
    answer: Any


def claim(db: Session, actor: str, key: str, request: bytes) -> Earlier | None:
    """Claims the key for this transaction; returns an earlier request with it. Waits for a transaction that uses it."""
    parameters = {"actor": actor, "key": key, "request": request}
    if db.execute(CLAIM, parameters).rowcount:  # type: ignore[attr-defined]
        return None
    row = db.execute(EARLIER, parameters).one()
    return Earlier(bytes(row.request), row.answer)


def keep(db: Session, actor: str, key: str, answer: object) -> None:
    db.execute(KEEP, {"actor": actor, "key": key, "answer": orjson.dumps(answer).decode()})


def prune(db: Session, now: datetime) -> None:
    db.execute(PRUNE, {"before": now - KEPT})


CLAIM = text("""
    INSERT INTO idempotency_keys (actor, key, request) VALUES (:actor, :key, :request) ON CONFLICT DO NOTHING
""")

EARLIER = text("SELECT request, answer FROM idempotency_keys WHERE actor = :actor AND key = :key")

KEEP = text("UPDATE idempotency_keys SET answer = CAST(:answer AS jsonb) WHERE actor = :actor AND key = :key")

PRUNE = text("DELETE FROM idempotency_keys WHERE at < :before")
