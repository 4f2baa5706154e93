"""Leads that an earlier version read are read again: under today's names, by today's reader.

Each batch is a transaction of its own, and a lead's row says which version read it: whoever stops goes on where it
stopped, and a change that comes meanwhile reads its lead again first.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from pipeline import task_calls
from pipeline.leads.merging import Lead
from pipeline.leads.rereading import reread_attributes
from pipeline.leads.source_mapping import SourceMap
from pipeline.services.ingest import LeadSaver, as_lead, as_row, lead_saver
from pipeline.storage.leads import lead_rows, lead_writes, timeline
from pipeline.storage.models import training_examples
from pipeline.storage.platform.after_commit import enqueue
from pipeline.wiring import Services

BATCH = 500  # leads a transaction
BATCHES = 20  # that upkeep reads at a time, so that it stays punctual


def reread_leads(
    services: Services, now: datetime, *, batches: int | None = None, step: Callable[[int], None] = lambda _: None
) -> int:
    """Reads leads again until none is left, or so many batches, and returns how many; `step` is told of each batch."""
    saver, total = lead_saver(services), 0
    while batches is None or batches > 0:
        with services.session() as db:
            count = _reread_batch(services, db, saver, now)
        if not count:
            break
        step(count)
        total += count
        batches = None if batches is None else batches - 1
    return total


def _reread_batch(services: Services, db: Session, saver: LeadSaver, now: datetime) -> int:
    before = [as_lead(row) for row in lead_rows.lock_older(db, BATCH)]
    if not before:
        return 0
    saver.open_contacts(db, before)
    leads = [saver.reread(lead) for lead in before]
    changed = [lead for lead, old in zip(leads, before, strict=True) if _differs(lead, old)]
    for lead in changed:
        lead.revision += 1
    lead_rows.update(db, [as_row(lead) for lead in leads])
    sources = {lead.id: services.source_map(lead.source) for lead in leads}
    _reread_snapshots(db, sources)
    _reread_timeline(db, sources)
    if changed:
        lead_writes.save(
            db,
            sealed=saver.sealed([lead for lead in changed if lead.unsealed]),
            timeline_entries=[],
            captured=[],
            revisions=[(lead.id, lead.revision) for lead in changed if not lead.is_blank],
            received_at=now,
            due=saver.due(now),
        )
        enqueue(db, task_calls.score_leads([lead.id for lead in changed]))
    return len(leads)


def _differs(lead: Lead, old: Lead) -> bool:
    return (lead.attributes, lead.contacts) != (old.attributes, old.contacts)


def _reread_snapshots(db: Session, sources: dict[int, SourceMap]) -> None:
    snapshots = training_examples.snapshots(db, list(sources))
    training_examples.replace(
        db, [(lead_id, reread_attributes(attributes, sources[lead_id])) for lead_id, attributes in snapshots]
    )


def _reread_timeline(db: Session, sources: dict[int, SourceMap]) -> None:
    """What was taken for no personal data, and is some by today's rules, goes from the entries too."""
    rows = timeline.entries(db, list(sources))
    changed = [(row, _reread_entry(row, sources[row.lead_id])) for row in rows]
    timeline.replace(db, [(row, told) for row, told in changed if told != row.told])


def _reread_entry(row: timeline.StoredEntry, source: SourceMap) -> dict[str, object]:
    parts = [source.part(name, value) for name, value in row.told["attributes"].items()]
    plain = {part.name: part.value for part in parts if part.kind != "contact"}
    sealed = sum(part.kind == "contact" for part in parts)
    told = {**row.told, "attributes": plain}
    return {**told, "contacts": told.get("contacts", 0) + sealed} if sealed else told


def older_leads(services: Services) -> int:
    """How many leads wait to be read again."""
    with services.reading() as db:
        return lead_rows.count_older(db)
