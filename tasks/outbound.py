"""Queue `outbound`: calls to CRMs. A message names a source; what is owed there are rows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from kombu.exceptions import OperationalError

from pipeline.errors import GiveUp, Refused
from pipeline.leads.attributes import flatten
from pipeline.outbound.http_client import HttpClient, Unavailable
from pipeline.outbound.record import CrmRecord, RecordReader
from pipeline.outbound.sync_result import Done, Gone, Rejected, ScoreWriter, SyncResult
from pipeline.services.crm_sync import FETCH_BACK, WRITE_BACK, SyncJob, Told
from pipeline.services.ingest import lead_saver
from pipeline.settings.sources import Target
from pipeline.storage.outbound.outbound_work import FETCH
from pipeline.vendors.crm_clients import record_reader, score_writer
from schemas.lead import LeadChange
from schemas.outbound import WriteBack
from tasks.app import app, current_services, enqueue_leads
from tasks.scoring import score_leads

# Of two stamps of one moment the larger wins: a delivery's own word before the record's.
NO_DELIVERY = ""


@app.task(name=WRITE_BACK)
def write_back(source: str, target: Target) -> None:
    """Tells the target what is due, a bundle at a time, until nothing is, its budget is used up or it has to rest."""
    services = current_services()
    if target not in services.settings.targets_by_source.get(source, ()):
        return
    errand = SyncJob(services, source, target)

    def begin(made: HttpClient) -> Callable[[], Sequence[SyncResult]]:
        writer = score_writer(services.settings, source, target, made)
        errand.calls = writer.calls
        return lambda: _write(errand, writer)

    errand.run(begin)


@app.task(name=FETCH_BACK)
def fetch_back(source: str) -> None:
    """Asks a CRM for the records that are due, merges them, and has their leads scored; as long as `write_back`."""
    services = current_services()
    if source not in services.settings.fetched:
        return
    errand = SyncJob(services, source, FETCH)

    def begin(made: HttpClient) -> Callable[[], Sequence[SyncResult]]:
        reader = record_reader(services.settings, source, made, services.access_tokens)
        return lambda: _fetch(errand, reader)

    errand.run(begin)


def _write(errand: SyncJob, writer: ScoreWriter) -> Sequence[SyncResult]:
    due = errand.take(writer.at_once)
    if not due:
        return []
    try:
        verdicts: Sequence[SyncResult] = writer.write(due)
    except (Unavailable, Refused) as error:
        verdicts = [errand.failure(error)] * len(due)
    with errand.services.session() as db:
        errand.save(db, list(zip(due, verdicts, strict=True)))
    return verdicts


def _fetch(errand: SyncJob, reader: RecordReader) -> Sequence[SyncResult]:
    due = errand.take(reader.at_once)
    if not due:
        return []
    try:
        records = reader.read([one.external_id for one in due])
    except (Unavailable, Refused) as error:
        told: Told = [(one, errand.failure(error)) for one in due]
        with errand.services.session() as db:
            errand.save(db, told)
    else:
        told = _merge(errand, due, records)
    return [verdict for _, verdict in told]


def _merge(errand: SyncJob, due: Sequence[WriteBack], records: dict[str, CrmRecord]) -> Told:
    told: list[tuple[WriteBack, SyncResult]] = []
    found = []
    for one in due:
        record = records.get(one.external_id)
        if record is None:
            told.append((one, Gone()))
            continue
        try:
            found.append((one, _change(errand, record)))
        except GiveUp as error:
            told.append((one, Rejected(str(error))))
    if told:
        with errand.services.session() as db:
            errand.save(db, told)
    return [*told, *_keep(errand, found)]


def _change(errand: SyncJob, record: CrmRecord) -> LeadChange:
    """As of when the record changed last, so that it never overwrites what a webhook told later."""
    limits = errand.services.settings.intake
    attributes = flatten(record.attributes, at="", most=limits.attribute_limit, text_limit=limits.text_limit, cut=True)
    return errand.services.source_map(errand.source).change(
        record.external_id, NO_DELIVERY, record.modified_at, attributes
    )


def _keep(errand: SyncJob, found: Sequence[tuple[WriteBack, LeadChange]]) -> Told:
    """Merged and settled in one transaction; one that cannot be saved spoils no other."""
    if not found:
        return []
    done = [(one, Done()) for one, _ in found]
    try:
        with errand.services.session() as db:
            changed = lead_saver(errand.services).merge(db, [change for _, change in found], datetime.now(UTC))
            errand.save(db, done)
    except GiveUp as error:
        if len(found) > 1:
            return [kept for pair in found for kept in _keep(errand, [pair])]
        lost = [(found[0][0], Rejected(str(error)))]
        with errand.services.session() as db:
            errand.save(db, lost)
        return lost
    with suppress(OperationalError, OSError):  # upkeep finds them
        if changed:
            enqueue_leads(score_leads, changed)
    return done
