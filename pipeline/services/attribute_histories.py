"""Saves what a process has learned of its sources' attributes now and then, and loads what others have learned."""

from collections.abc import Iterable
from time import monotonic

from sqlalchemy.orm import Session

from pipeline.leads.attribute_history import AttributeNote
from pipeline.storage.leads import source_attributes
from pipeline.storage.leads.source_attributes import SourceAttribute
from pipeline.wiring import Services

SAVED_EVERY_S = 5.0
LOADED_EVERY_S = 30.0


class HistoryKeeper:
    """Saves and loads with a transaction that is under way anyhow; not for several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._saved_at = monotonic()
        self._loaded_at = float("-inf")

    def keep(self, db: Session) -> None:
        now = monotonic()
        if now - self._saved_at >= SAVED_EVERY_S:
            self._saved_at = now
            save(self._services, db)
        if now - self._loaded_at >= LOADED_EVERY_S:
            self._loaded_at = now
            load(self._services, db, self._services.settings.sources)


def save(services: Services, db: Session) -> None:
    """Saves all that was learned since the last time."""
    for source, history in services.histories.items():
        add(db, source, history.take())


def add(db: Session, source: str, notes: Iterable[AttributeNote]) -> None:
    """Adds these notes; several of one attribute become one."""
    merged: dict[str, AttributeNote] = {}
    for note in notes:
        merged[note.attribute] = merged.get(note.attribute, AttributeNote(note.attribute)).and_more(note)
    telling = [note for note in merged.values() if note != AttributeNote(note.attribute)]
    source_attributes.add(db, [SourceAttribute(source, *note) for note in telling])


def load(services: Services, db: Session, sources: Iterable[str]) -> None:
    for source in sources:
        services.histories[source].load(AttributeNote(*row[1:]) for row in source_attributes.of_source(db, source))
