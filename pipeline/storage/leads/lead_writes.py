"""Saves what changes to leads entail: contacts, timeline, early snapshots, and the scoring that is due."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.storage.leads import contacts, timeline
from pipeline.storage.leads.contacts import SealedContact
from pipeline.storage.leads.timeline import TimelineEntry
from pipeline.storage.models import training_examples
from pipeline.storage.scores import unscored
from schemas.example import Early


def save(
    db: Session,
    *,
    sealed: Sequence[SealedContact],
    timeline_entries: Sequence[TimelineEntry],
    captured: Sequence[tuple[int, Early]],
    revisions: Sequence[tuple[int, int]],
    received_at: datetime,
    due: datetime,
) -> None:
    """Saves all of it in one statement, because a vendor waits; this transaction has locked the leads."""
    parameters = {
        **contacts.saving(sealed),
        **timeline.insert_parameters(timeline_entries, received_at),
        **unscored.insert_parameters(revisions, due),
    }
    if captured:
        db.execute(SAVE_CAPTURED, parameters | training_examples.capturing(captured))
    else:
        db.execute(SAVE, parameters)


RELATED_WRITES = f"WITH sealed AS ({contacts.SAVE}), noted AS ({timeline.INSERT})"

SAVE = text(f"{RELATED_WRITES} {unscored.INSERT_UNSCORED}")

# A statement of its own, because it happens once in the life of a lead, and an empty part has a price, too.
SAVE_CAPTURED = text(f"{RELATED_WRITES}, captured AS ({training_examples.CAPTURE}) {unscored.INSERT_UNSCORED}")
