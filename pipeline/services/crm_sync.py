"""What is due at a CRM is claimed under a lease, sent or fetched a batch at a time, and saved by its result."""

import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.errors import Misconfigured, Refused
from pipeline.outbound.backoff import backoff_delay
from pipeline.outbound.http_client import HttpClient, Unavailable, http_client
from pipeline.outbound.sync_result import Done, Failed, Gone, Rejected, SyncResult
from pipeline.redis_store.cooldown import Cooldown
from pipeline.redis_store.rate_limit import Limiter
from pipeline.storage.operations import dead_letters
from pipeline.storage.operations.dead_letters import FailedWork
from pipeline.storage.outbound import outbound_work
from pipeline.storage.outbound.outbound_work import FETCH, RescheduledWork
from pipeline.task_calls import FETCH_BACK, WRITE_BACK
from pipeline.wiring import Services
from schemas.outbound import WriteBack

logger = logging.getLogger(__name__)

ROUND_S = 40.0  # of work a message; with one call more it is less than Celery's soft limit
TOKEN_COOLDOWN_S = 900.0  # for a person to look at a token that was refused

Told = Sequence[tuple[WriteBack, SyncResult]]


def add_dead_letters(db: Session, deaths: Sequence[FailedWork]) -> None:
    """A dead letter each, of the task that would do it."""
    for task in (WRITE_BACK, FETCH_BACK):
        of_task = [death for death in deaths if (death.arguments["target"] == FETCH) == (task == FETCH_BACK)]
        if of_task:
            dead_letters.add(db, task=task, failures=of_task)


class SyncJob:
    """What is to be done at one source for one target."""

    def __init__(self, services: Services, source: str, target: str) -> None:
        self.services = services
        self.source = source
        self.target = target
        self.lease = ""
        self.calls = 1  # a bundle
        self._cooldown = Cooldown(services.redis, source, target)

    def run(self, begin: Callable[[HttpClient], Callable[[], Sequence[SyncResult]]]) -> None:
        """`begin` makes what does one bundle and tells its verdicts, none if nothing is due."""
        if self._cooldown.lasts:
            return
        with http_client(self.services.settings.outbound) as made:
            try:
                bundle = begin(made)
            except Misconfigured as error:
                self._begin_cooldown(TOKEN_COOLDOWN_S, str(error))
                return
            budget = self._budget()
            ends = time.monotonic() + ROUND_S
            while time.monotonic() < ends and self._within_budget(budget):
                verdicts = bundle()
                if not verdicts or not self._may_continue(verdicts):
                    return

    def take(self, limit: int) -> list[WriteBack]:
        now = datetime.now(UTC)
        self.lease = secrets.token_hex(8)
        until = now + timedelta(seconds=self.services.settings.outbound.lease_s)
        with self.services.session() as db:
            return outbound_work.claim(
                db, self.source, self.target, lease=self.lease, now=now, until=until, limit=limit
            )

    def save(self, db: Session, told: Told) -> None:
        now = datetime.now(UTC)
        # What was asked for once is settled, whatever the answer.
        settled = (Done, Gone) if self.target == FETCH else (Done,)
        done = [one for one, verdict in told if isinstance(verdict, settled)]
        gone = [one for one, verdict in told if isinstance(verdict, Gone) and self.target != FETCH]
        failed = [self._retry(one, verdict, now) for one, verdict in told if isinstance(verdict, Failed)]
        hopeless = [(one.lead_id, verdict.error) for one, verdict in told if isinstance(verdict, Rejected)]
        if done:
            outbound_work.complete(db, self.target, self.lease, done, now)
        if gone:
            outbound_work.delete(db, self.target, self.lease, gone)
        if failed:
            outbound_work.reschedule(db, self.target, self.lease, failed)
        if hopeless:
            deaths = outbound_work.abandon(db, self.target, self.lease, hopeless)
            add_dead_letters(db, deaths)
            self.services.metrics.dead.inc(len(deaths))

    def failure(self, error: Unavailable | Refused) -> Failed:
        """What it means for each record that the CRM lets nobody in, or wants to be left alone."""
        if isinstance(error, Refused):
            return Failed(str(error), TOKEN_COOLDOWN_S)
        rest_s = self.services.settings.outbound.rest_s
        return Failed(str(error), rest_s if error.after_s is None else error.after_s)

    def _budget(self) -> Limiter:
        settings = self.services.settings.sources[self.source]
        chosen = settings.webhook if self.target == "webhook" else settings.crm
        requests = chosen.requests if chosen else 1
        # What is written to a CRM and fetched from it is one account's.
        name = "webhook" if self.target == "webhook" else "crm"
        return self.services.calls_budget(name, max(1, requests // self.calls))

    def _within_budget(self, budget: Limiter) -> bool:
        taken = budget.take(self.source)
        return taken is None or taken.allowed

    def _retry(self, one: WriteBack, verdict: Failed, now: datetime) -> RescheduledWork:
        limits = self.services.settings.outbound
        first, longest = timedelta(seconds=limits.backoff_s), timedelta(seconds=limits.longest_s)
        waits = backoff_delay(one.attempts, random.random(), first=first, longest=longest)  # noqa: S311 - no secret
        return RescheduledWork(one.lead_id, now + max(waits, timedelta(seconds=verdict.after_s or 0)), verdict.error)

    def _may_continue(self, verdicts: Sequence[SyncResult]) -> bool:
        for verdict in verdicts:
            self.services.metrics.calls_out.labels(self.source, self.target, type(verdict).__name__.lower()).inc()
        troubles = [verdict for verdict in verdicts if isinstance(verdict, Failed) and verdict.after_s is not None]
        if not troubles:
            self._cooldown.end()
            return True
        worst = max(troubles, key=lambda trouble: trouble.after_s or 0)
        self._begin_cooldown(worst.after_s or 0, worst.error)
        return False

    def _begin_cooldown(self, seconds: float, why: str) -> None:
        if self._cooldown.begin(seconds, why):
            logger.error("a CRM is left alone for %.0f s: %s: %s", seconds, self._cooldown.name, why)
