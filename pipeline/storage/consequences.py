"""What changes to leads bring with them: contacts, the story for people, what is learned from, the work owed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage import contacts, examples, timeline, unscored
from pipeline.storage.contacts import SealedContact
from pipeline.storage.timeline import Entry
from schemas.example import Early


def save(
    db: Session,
    *,
    sealed: Sequence[SealedContact],
    told: Sequence[Entry],
    captured: Sequence[tuple[int, Early]],
    revisions: Sequence[tuple[int, int]],
    received_at: datetime,
    due: datetime,
) -> None:
    """In one statement, because a vendor waits for it; the caller holds the locks of the leads."""
    parameters = {
        **contacts.saving(sealed),
        **timeline.noting(told, received_at),
        **unscored.owing(revisions, due),
    }
    if captured:
        db.execute(SAVE_CAPTURED, parameters | examples.capturing(captured))
    else:
        db.execute(SAVE, parameters)


CONSEQUENCES = f"WITH sealed AS ({contacts.SAVE}), noted AS ({timeline.NOTE})"

SAVE = text(f"{CONSEQUENCES} {unscored.OWE}")

# Apart, because it happens once in the life of a lead, and an empty part of a statement has its price too.
SAVE_CAPTURED = text(f"{CONSEQUENCES}, captured AS ({examples.CAPTURE}) {unscored.OWE}")
