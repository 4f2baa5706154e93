"""A CRM, or a webhook's receiver, is sent the scores that it is owed."""

from collections.abc import Callable, Sequence

from pipeline.errors import Refused
from pipeline.outbound.http_client import HttpClient, Unavailable
from pipeline.outbound.sync_result import ScoreWriter, SyncResult
from pipeline.services.crm_sync import SyncJob
from pipeline.settings.sources import Target
from pipeline.vendors.crm_clients import score_writer
from pipeline.wiring import Services


def write_back(services: Services, source: str, target: Target) -> None:
    """Sends what is due, a batch at a time, until nothing is, the budget is used up or a cooldown begins."""
    if target not in services.settings.targets_by_source.get(source, ()):
        return
    job = SyncJob(services, source, target)

    def begin(client: HttpClient) -> Callable[[], Sequence[SyncResult]]:
        writer = score_writer(services.settings, source, target, client)
        job.calls = writer.calls
        return lambda: _write(job, writer)

    job.run(begin)


def _write(job: SyncJob, writer: ScoreWriter) -> Sequence[SyncResult]:
    due = job.take(writer.at_once)
    if not due:
        return []
    try:
        verdicts: Sequence[SyncResult] = writer.write(due)
    except (Unavailable, Refused) as error:
        verdicts = [job.failure(error)] * len(due)
    with job.services.session() as db:
        job.save(db, list(zip(due, verdicts, strict=True)))
    return verdicts
