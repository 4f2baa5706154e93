"""Finds the leads that are saved under another form of their id than the one that came in."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy.orm import Session

from pipeline.settings.loader import Settings
from pipeline.storage.leads import lead_rows
from pipeline.storage.leads.lead_rows import Key
from pipeline.vendors.record_ids import RECORD_IDS
from schemas.lead import LeadChange


class LeadIds:
    """`parts`: by source, what all forms of a record's id begin with; sources with one form are left out."""

    def __init__(self, parts: Mapping[str, Callable[[str], str | None]]) -> None:
        self._parts = parts

    def saved_as(self, db: Session, keys: Collection[Key]) -> dict[Key, Key]:
        """Under which key these leads are saved, where it is another one."""
        records = {key: record for key in keys if (record := self._record(key)) is not None}
        if not records:
            return {}
        saved: defaultdict[Key, set[Key]] = defaultdict(set)
        for key in lead_rows.beginning(db, list(records.values())):
            record = self._record(key)
            if record is not None:
                saved[record].add(key)
        # Where several are saved, the longest is the full form.
        return {
            key: max(saved[record], key=_length)
            for key, record in records.items()
            if record in saved and key not in saved[record]
        }

    def under_saved(self, db: Session, changes: Sequence[LeadChange]) -> Sequence[LeadChange]:
        """The changes with the ids under which their leads are saved."""
        saved_as = self.saved_as(db, {(change.source, change.external_id) for change in changes})
        if not saved_as:
            return changes
        return [
            change._replace(external_id=saved_as.get((change.source, change.external_id), ("", change.external_id))[1])
            for change in changes
        ]

    def _record(self, key: Key) -> Key | None:
        """The source, and what all forms of the record's id begin with."""
        source, external_id = key
        part = self._parts[source](external_id) if source in self._parts else None
        return None if part is None else (source, part)


def lead_ids(settings: Settings) -> LeadIds:
    forms = {name: RECORD_IDS.get(source.vendor) for name, source in settings.sources.items()}
    return LeadIds({name: form.part for name, form in forms.items() if form is not None and form.part is not None})


def _length(key: Key) -> int:
    return len(key[1])
