"""What changes to leads bring with them: contacts, the story for people, the work owed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage import contacts, timeline, unscored
from pipeline.storage.contacts import SealedContact
from pipeline.storage.timeline import Entry


def save(
    db: Session,
    *,
    sealed: Sequence[SealedContact],
    told: Sequence[Entry],
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
    db.execute(SAVE, parameters)


SAVE = text(f"WITH sealed AS ({contacts.SAVE}), noted AS ({timeline.NOTE}) {unscored.OWE}")
