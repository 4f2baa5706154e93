"""Stores delivery ids that were seen, because vendors resend for days and each delivery counts once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

Delivery = tuple[str, str]  # source, delivery id


def first_seen(db: Session, deliveries: Sequence[Delivery]) -> set[Delivery]:
    """Saves the deliveries and returns those that are new; waits for a transaction that is saving the same one."""
    ordered = sorted(set(deliveries))  # one order for all writers, so that no two wait for each other
    parameters = {"sources": [source for source, _ in ordered], "ids": [delivery for _, delivery in ordered]}
    return {(source, delivery) for source, delivery in db.execute(FIRST_SEEN, parameters)}


def prune(db: Session, before: datetime) -> None:
    db.execute(PRUNE, {"before": before})


FIRST_SEEN = text("""
    INSERT INTO deliveries (source, delivery_id)
    SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]))
        ON CONFLICT DO NOTHING
    RETURNING source, delivery_id
""")

PRUNE = text("DELETE FROM deliveries WHERE received_at < :before")
