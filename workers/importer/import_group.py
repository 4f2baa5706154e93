"""Saves one group of an import: reads its rows, folds them by lead, and commits one transaction."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from pipeline.errors import GiveUp, TryAgain
from pipeline.importing.csv_file import Record
from pipeline.importing.csv_rows import Rows
from pipeline.leads.merging import Lead
from pipeline.leads.values.reader import Doubt
from pipeline.services.ingest import as_row, captured, lead_saver
from pipeline.storage.leads import bulk_insert
from pipeline.storage.leads.lead_rows import Key
from pipeline.storage.models import training_examples
from pipeline.task_calls import score_batches
from pipeline.wiring import Services
from schemas.lead import LeadChange

ATTEMPTS = 5  # of a group that another transaction disturbed, or while PostgreSQL is away
PAUSE_S = 0.5
MESSAGE_LEADS = 500  # leads a message: nobody waits for one of them


class Row(NamedTuple):
    record: Record
    change: LeadChange


class Rejected(NamedTuple):
    record: Record
    reason: str


class Saved(NamedTuple):
    """The result: leads new, changed and unchanged; rows `merged` with an earlier one of their lead, and rejected."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    rejected: tuple[Rejected, ...] = ()
    enqueued: bool = True  # False if Redis was away: then upkeep enqueues
    doubts: tuple[tuple[tuple[str, Doubt], int], ...] = ()  # how many values of which attribute, and why

    def and_then(self, after: "Saved") -> "Saved":
        return Saved(
            self.new + after.new,
            self.changed + after.changed,
            self.unchanged + after.unchanged,
            self.merged + after.merged,
            self.rejected + after.rejected,
            self.enqueued and after.enqueued,
            self.doubts + after.doubts,
        )


RowsByLead = Mapping[Key, Sequence[Row]]  # the rows of each lead, in the order of the file


class GroupSaver:
    def __init__(self, services: Services, rows: Rows) -> None:
        self.services = services
        self._rows = rows
        self._saver = lead_saver(services)

    def save(self, records: Sequence[Record]) -> Saved:
        """Saves the records. Raises TryAgain if PostgreSQL stays away."""
        by_lead: dict[Key, list[Row]] = {}
        rejected = []
        for record in records:
            try:
                change = self._rows.change(record)
            except GiveUp as error:
                rejected.append(Rejected(record, str(error)))
            else:
                by_lead.setdefault((change.source, change.external_id), []).append(Row(record, change))
        merged = sum(map(len, by_lead.values())) - len(by_lead)
        read = Saved(merged=merged, rejected=tuple(rejected), doubts=tuple(self._rows.take_doubts().items()))
        return read.and_then(self._bisect(by_lead) if by_lead else Saved())

    def _bisect(self, by_lead: RowsByLead) -> Saved:
        """Saves the rows; where values are refused, halves the group until only the faulty lead's rows are rejected."""
        try:
            return self._insist(by_lead)
        except GiveUp as error:
            if len(by_lead) == 1:
                return Saved(
                    rejected=tuple(Rejected(row.record, str(error)) for rows in by_lead.values() for row in rows)
                )
        leads = list(by_lead.items())
        middle = len(leads) // 2
        return self._bisect(dict(leads[:middle])).and_then(self._bisect(dict(leads[middle:])))

    def _insist(self, by_lead: RowsByLead) -> Saved:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._commit(by_lead)
            except TryAgain:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable")

    def _commit(self, by_lead: RowsByLead) -> Saved:
        received_at = datetime.now(UTC)
        with self.services.session() as db:
            by_lead = self._under_saved_ids(db, by_lead)
            leads = {key: self._folded(key, rows, received_at) for key, rows in by_lead.items()}
            rows = [as_row(lead) for lead in leads.values()]
            ids = bulk_insert.insert_unknown(db, rows, received_at=received_at, due=self._saver.due(received_at))
            for key, lead_id in ids.items():
                leads[key].id = lead_id
            bulk_insert.insert_contacts(db, self._saver.sealed([leads[key] for key in ids]))
            training_examples.capture(db, captured([leads[key] for key in ids]))
            existing = {key: rows for key, rows in by_lead.items() if key not in ids}
            known = self._saver.known(db, [row.change for rows in existing.values() for row in rows])
            new_changes = [
                known[key].unknown_part(row.change, leads[key])
                for key, rows in existing.items()
                if not known[key].says(leads[key])
                for row in rows
            ]
            changed = self._saver.merge(db, new_changes, received_at)
        # Not after the commit by itself: the import says whether upkeep has to enqueue.
        enqueued = all(map(self.services.send, score_batches([*ids.values(), *changed], MESSAGE_LEADS)))
        return Saved(len(ids), len(changed), len(existing) - len(changed), enqueued=enqueued)

    def _under_saved_ids(self, db: Session, by_lead: RowsByLead) -> RowsByLead:
        """The rows by the ids under which their leads are saved."""
        saved_as = self._saver.ids.saved_as(db, by_lead.keys())
        if not saved_as:
            return by_lead
        regrouped: dict[Key, list[Row]] = {}
        for key, rows in by_lead.items():
            saved = saved_as.get(key, key)
            renamed = (row._replace(change=row.change._replace(external_id=saved[1])) for row in rows)
            regrouped.setdefault(saved, []).extend(renamed)
        return regrouped

    def _folded(self, key: Key, rows: Sequence[Row], received_at: datetime) -> Lead:
        """The lead that all its rows together describe."""
        lead = Lead(*key, revision=1)
        for row in rows:
            self._saver.fold(lead, row.change, received_at)
        return lead
