"""A CRM is asked for the records of leads of which little is known."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pipeline import task_calls
from pipeline.errors import GiveUp, Refused
from pipeline.leads.attributes import flatten
from pipeline.outbound.crm_record import CrmRecord, RecordReader
from pipeline.outbound.http_client import HttpClient, Unavailable
from pipeline.outbound.sync_result import Done, Gone, Rejected, SyncResult
from pipeline.services.crm_sync import SyncJob, Told
from pipeline.services.ingest import lead_saver
from pipeline.storage.outbound.outbound_work import FETCH
from pipeline.storage.platform.after_commit import enqueue
from pipeline.vendors.crm_clients import record_reader
from pipeline.wiring import Services
from schemas.lead import LeadChange
from schemas.outbound import WriteBack

# Of two stamps of one moment the larger wins: a delivery's own word before the record's.
NO_DELIVERY = ""


def fetch_back(services: Services, source: str) -> None:
    """Asks for the records that are due, merges them, and has their leads scored; as long as `write_back`."""
    if source not in services.settings.fetched:
        return
    job = SyncJob(services, source, FETCH)

    def begin(client: HttpClient) -> Callable[[], Sequence[SyncResult]]:
        reader = record_reader(services.settings, source, client, services.access_tokens)
        return lambda: _fetch(job, reader)

    job.run(begin)


def _fetch(job: SyncJob, reader: RecordReader) -> Sequence[SyncResult]:
    due = job.take(reader.at_once)
    if not due:
        return []
    try:
        records = reader.read([one.external_id for one in due])
    except (Unavailable, Refused) as error:
        told: Told = [(one, job.failure(error)) for one in due]
        with job.services.session() as db:
            job.save(db, told)
    else:
        told = _merge(job, due, records)
    return [verdict for _, verdict in told]


def _merge(job: SyncJob, due: Sequence[WriteBack], records: dict[str, CrmRecord]) -> Told:
    told: list[tuple[WriteBack, SyncResult]] = []
    found = []
    for one in due:
        record = records.get(one.external_id)
        if record is None:
            told.append((one, Gone()))
            continue
        try:
            found.append((one, _change(job, record)))
        except GiveUp as error:
            told.append((one, Rejected(str(error))))
    if told:
        with job.services.session() as db:
            job.save(db, told)
    return [*told, *_keep(job, found)]


def _change(job: SyncJob, record: CrmRecord) -> LeadChange:
    """As of when the record changed last, so that it never overwrites what a webhook told later."""
    limits = job.services.settings.intake
    flat = flatten(record.attributes, at="", most=limits.attribute_limit, text_limit=limits.text_limit, cut=True)
    source = job.services.source_map(job.source)
    return source.change(record.external_id, NO_DELIVERY, record.modified_at, flat.values, flat.objects)


def _keep(job: SyncJob, found: Sequence[tuple[WriteBack, LeadChange]]) -> Told:
    """Merged and settled in one transaction; one that cannot be saved spoils no other."""
    if not found:
        return []
    done = [(one, Done()) for one, _ in found]
    try:
        with job.services.session() as db:
            changed = lead_saver(job.services).merge(db, [change for _, change in found], datetime.now(UTC))
            job.save(db, done)
            if changed:
                enqueue(db, task_calls.score_leads(changed))
    except GiveUp as error:
        if len(found) > 1:
            return [kept for pair in found for kept in _keep(job, [pair])]
        lost = [(found[0][0], Rejected(str(error)))]
        with job.services.session() as db:
            job.save(db, lost)
        return lost
    return done
