"""Queue `outreach`: calls to CRMs. A message names a source; what is owed there are rows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from kombu.exceptions import OperationalError

from pipeline.attributes import flatten
from pipeline.errors import GiveUp, Refused
from pipeline.outreach.caller import Caller, Unwell
from pipeline.outreach.record import Reader, Record
from pipeline.outreach.verdict import Done, Gone, Hopeless, Verdict, Writer
from pipeline.outreach.writers import make_reader, make_writer
from pipeline.saving import make_saver
from pipeline.sources import Target
from pipeline.storage.outreach import FETCH
from schemas.lead import LeadChange
from schemas.outreach import WriteBack
from tasks.app import app, enqueue, services
from tasks.errand import FETCH_BACK, WRITE_BACK, Errand, Told
from tasks.scoring import score_leads

# Of two stamps of one moment the larger wins: a delivery's own word before the record's.
NO_DELIVERY = ""


@app.task(name=WRITE_BACK)
def write_back(source: str, target: Target) -> None:
    """Tells the target what is due, a bundle at a time, until nothing is, its budget is used up or it has to rest."""
    own = services()
    if target not in own.settings.told.get(source, ()):
        return
    errand = Errand(own, source, target)

    def begin(made: Caller) -> Callable[[], Sequence[Verdict]]:
        writer = make_writer(own.settings, source, target, made)
        errand.calls = writer.calls
        return lambda: _write(errand, writer)

    errand.run(begin)


@app.task(name=FETCH_BACK)
def fetch_back(source: str) -> None:
    """Asks a CRM for the records that are due, merges them, and has their leads scored; as long as `write_back`."""
    own = services()
    if source not in own.settings.fetched:
        return
    errand = Errand(own, source, FETCH)

    def begin(made: Caller) -> Callable[[], Sequence[Verdict]]:
        reader = make_reader(own.settings, source, made, own.access_tokens)
        return lambda: _fetch(errand, reader)

    errand.run(begin)


def _write(errand: Errand, writer: Writer) -> Sequence[Verdict]:
    due = errand.take(writer.at_once)
    if not due:
        return []
    try:
        verdicts: Sequence[Verdict] = writer.write(due)
    except (Unwell, Refused) as error:
        verdicts = [errand.failure(error)] * len(due)
    with errand.own.session() as db:
        errand.save(db, list(zip(due, verdicts, strict=True)))
    return verdicts


def _fetch(errand: Errand, reader: Reader) -> Sequence[Verdict]:
    due = errand.take(reader.at_once)
    if not due:
        return []
    try:
        records = reader.read([one.external_id for one in due])
    except (Unwell, Refused) as error:
        told: Told = [(one, errand.failure(error)) for one in due]
        with errand.own.session() as db:
            errand.save(db, told)
    else:
        told = _merge(errand, due, records)
    return [verdict for _, verdict in told]


def _merge(errand: Errand, due: Sequence[WriteBack], records: dict[str, Record]) -> Told:
    told: list[tuple[WriteBack, Verdict]] = []
    found = []
    for one in due:
        record = records.get(one.external_id)
        if record is None:
            told.append((one, Gone()))
            continue
        try:
            found.append((one, _change(errand, record)))
        except GiveUp as error:
            told.append((one, Hopeless(str(error))))
    if told:
        with errand.own.session() as db:
            errand.save(db, told)
    return [*told, *_keep(errand, found)]


def _change(errand: Errand, record: Record) -> LeadChange:
    """As of when the record changed last, so that it never overwrites what a webhook told later."""
    limits = errand.own.settings.intake
    attributes = flatten(record.attributes, at="", most=limits.attribute_limit, text_limit=limits.text_limit, cut=True)
    return errand.own.source_map(errand.source).change(record.external_id, NO_DELIVERY, record.modified_at, attributes)


def _keep(errand: Errand, found: Sequence[tuple[WriteBack, LeadChange]]) -> Told:
    """Merged and settled in one transaction; one that cannot be saved spoils no other."""
    if not found:
        return []
    done = [(one, Done()) for one, _ in found]
    try:
        with errand.own.session() as db:
            changed = make_saver(errand.own).merge(db, [change for _, change in found], datetime.now(UTC))
            errand.save(db, done)
    except GiveUp as error:
        if len(found) > 1:
            return [kept for pair in found for kept in _keep(errand, [pair])]
        lost = [(found[0][0], Hopeless(str(error)))]
        with errand.own.session() as db:
            errand.save(db, lost)
        return lost
    with suppress(OperationalError, OSError):  # upkeep finds them
        if changed:
            enqueue(score_leads, changed)
    return done
