"""Queue `outreach`: calls to CRMs. A message names a source; what is owed to it are rows."""

import logging
import random
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.errors import Misconfigured, Refused
from pipeline.outreach.caller import Unwell, caller
from pipeline.outreach.patience import delay
from pipeline.outreach.rest import Rest
from pipeline.outreach.verdict import Failed, Gone, Hopeless, Sent, Verdict, Writer
from pipeline.outreach.writers import make_writer
from pipeline.sections import OutreachSettings
from pipeline.sources import Target
from pipeline.storage import dead_letters, write_backs
from pipeline.storage.write_backs import Retry
from pipeline.wiring import Services
from schemas.outreach import WriteBack
from tasks.app import app, services

logger = logging.getLogger(__name__)

ROUND_S = 40.0  # of work a message; with one call more it is less than Celery's soft limit
TOKEN_REST_S = 900.0  # for a person to look at a token that was refused

Told = Sequence[tuple[WriteBack, Verdict]]


@app.task(name="outreach.write_back")
def write_back(source: str, target: Target) -> None:
    """Tells the target what is due, a bundle at a time, until nothing is, its budget is used up or it has to rest."""
    own = services()
    rest = Rest(own.redis, source, target)
    if target not in own.settings.told.get(source, ()) or rest.lasts:
        return
    with caller(own.settings.outreach) as made:
        try:
            writer = make_writer(own.settings, source, target, made)
        except Misconfigured as error:
            _rest(rest, TOKEN_REST_S, str(error))
            return
        budget = own.calls_budget(f"write-back:{target}", max(1, _requests(own, source, target) // writer.calls))
        ends = time.monotonic() + ROUND_S
        while time.monotonic() < ends:
            taken = budget.take(source)
            if taken is not None and not taken.allowed:
                return
            if not _bundle(own, source, target, writer, rest):
                return


def _requests(own: Services, source: str, target: Target) -> int:
    settings = own.settings.sources[source]
    chosen = settings.webhook if target == "webhook" else settings.crm
    return chosen.requests if chosen else 1


def _bundle(own: Services, source: str, target: Target, writer: Writer, rest: Rest) -> bool:
    """Whether there may be more to tell, and the target may be told now."""
    limits = own.settings.outreach
    now = datetime.now(UTC)
    lease, until = secrets.token_hex(8), now + timedelta(seconds=limits.lease_s)
    with own.session() as db:
        due = write_backs.take(db, source, target, lease=lease, now=now, until=until, limit=writer.at_once)
    if not due:
        return False
    try:
        verdicts: Sequence[Verdict] = writer.write(due)
    except Unwell as error:
        verdicts = [Failed(str(error), limits.rest_s if error.after_s is None else error.after_s)] * len(due)
    except Refused as error:
        verdicts = [Failed(str(error), TOKEN_REST_S)] * len(due)
    told = list(zip(due, verdicts, strict=True))
    with own.session() as db:
        _save(db, own, target, lease, told)
    for verdict in verdicts:
        own.metrics.calls_out.labels(source, target, type(verdict).__name__.lower()).inc()
    return _goes_on(rest, verdicts)


def _save(db: Session, own: Services, target: Target, lease: str, told: Told) -> None:
    now = datetime.now(UTC)
    sent = [one for one, verdict in told if isinstance(verdict, Sent)]
    gone = [one for one, verdict in told if isinstance(verdict, Gone)]
    failed = [_retry(one, verdict, now, own.settings.outreach) for one, verdict in told if isinstance(verdict, Failed)]
    hopeless = [(one.lead_id, verdict.error) for one, verdict in told if isinstance(verdict, Hopeless)]
    if sent:
        write_backs.settle(db, target, lease, sent, now)
    if gone:
        write_backs.forget(db, target, lease, gone)
    if failed:
        write_backs.put_off(db, target, lease, failed)
    if hopeless:
        deaths = write_backs.give_up(db, target, lease, hopeless)
        dead_letters.bury(db, queue="outreach", task=write_back.name, deaths=deaths)
        own.metrics.dead.inc(len(deaths))


def _retry(one: WriteBack, verdict: Failed, now: datetime, limits: OutreachSettings) -> Retry:
    first, longest = timedelta(seconds=limits.backoff_s), timedelta(seconds=limits.longest_s)
    waits = delay(one.attempts, random.random(), first=first, longest=longest)  # noqa: S311 - no secret
    return Retry(one.lead_id, now + max(waits, timedelta(seconds=verdict.after_s or 0)), verdict.error)


def _goes_on(rest: Rest, verdicts: Sequence[Verdict]) -> bool:
    troubles = [verdict for verdict in verdicts if isinstance(verdict, Failed) and verdict.after_s is not None]
    if not troubles:
        rest.end()
        return True
    worst = max(troubles, key=lambda trouble: trouble.after_s or 0)
    _rest(rest, worst.after_s or 0, worst.error)
    return False


def _rest(rest: Rest, seconds: float, why: str) -> None:
    if rest.begin(seconds, why):
        logger.error("a CRM is left alone for %.0f s: %s: %s", seconds, rest.name, why)
