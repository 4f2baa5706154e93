"""One errand at a CRM: what is due is taken under a lease, done a bundle at a time, and settled by verdict."""

import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.errors import Misconfigured, Refused
from pipeline.limits import Limiter
from pipeline.outreach.caller import Caller, Unwell, caller
from pipeline.outreach.patience import delay
from pipeline.outreach.rest import Rest
from pipeline.outreach.verdict import Done, Failed, Gone, Hopeless, Verdict
from pipeline.storage import dead_letters, outreach
from pipeline.storage.dead_letters import Death
from pipeline.storage.outreach import FETCH, Retry
from pipeline.wiring import Services
from schemas.outreach import WriteBack

logger = logging.getLogger(__name__)

QUEUE = "outreach"
WRITE_BACK, FETCH_BACK = "outreach.write_back", "outreach.fetch_back"
ROUND_S = 40.0  # of work a message; with one call more it is less than Celery's soft limit
TOKEN_REST_S = 900.0  # for a person to look at a token that was refused

Told = Sequence[tuple[WriteBack, Verdict]]


def bury(db: Session, deaths: Sequence[Death]) -> None:
    """A dead letter each, of the task that would do it."""
    for task in (WRITE_BACK, FETCH_BACK):
        of_task = [death for death in deaths if (death.arguments["target"] == FETCH) == (task == FETCH_BACK)]
        if of_task:
            dead_letters.bury(db, queue=QUEUE, task=task, deaths=of_task)


class Errand:
    """What is to be done at one source for one target."""

    def __init__(self, own: Services, source: str, target: str) -> None:
        self.own = own
        self.source = source
        self.target = target
        self.lease = ""
        self.calls = 1  # a bundle
        self._rest = Rest(own.redis, source, target)

    def run(self, begin: Callable[[Caller], Callable[[], Sequence[Verdict]]]) -> None:
        """`begin` makes what does one bundle and tells its verdicts, none if nothing is due."""
        if self._rest.lasts:
            return
        with caller(self.own.settings.outreach) as made:
            try:
                bundle = begin(made)
            except Misconfigured as error:
                self._leave_alone(TOKEN_REST_S, str(error))
                return
            budget = self._budget()
            ends = time.monotonic() + ROUND_S
            while time.monotonic() < ends and self._may_ask(budget):
                verdicts = bundle()
                if not verdicts or not self._goes_on(verdicts):
                    return

    def take(self, limit: int) -> list[WriteBack]:
        now = datetime.now(UTC)
        self.lease = secrets.token_hex(8)
        until = now + timedelta(seconds=self.own.settings.outreach.lease_s)
        with self.own.session() as db:
            return outreach.take(db, self.source, self.target, lease=self.lease, now=now, until=until, limit=limit)

    def save(self, db: Session, told: Told) -> None:
        now = datetime.now(UTC)
        # What was asked for once is settled, whatever the answer.
        settled = (Done, Gone) if self.target == FETCH else (Done,)
        done = [one for one, verdict in told if isinstance(verdict, settled)]
        gone = [one for one, verdict in told if isinstance(verdict, Gone) and self.target != FETCH]
        failed = [self._retry(one, verdict, now) for one, verdict in told if isinstance(verdict, Failed)]
        hopeless = [(one.lead_id, verdict.error) for one, verdict in told if isinstance(verdict, Hopeless)]
        if done:
            outreach.settle(db, self.target, self.lease, done, now)
        if gone:
            outreach.forget(db, self.target, self.lease, gone)
        if failed:
            outreach.put_off(db, self.target, self.lease, failed)
        if hopeless:
            deaths = outreach.give_up(db, self.target, self.lease, hopeless)
            bury(db, deaths)
            self.own.metrics.dead.inc(len(deaths))

    def failure(self, error: Unwell | Refused) -> Failed:
        """What it means for each record that the CRM lets nobody in, or wants to be left alone."""
        if isinstance(error, Refused):
            return Failed(str(error), TOKEN_REST_S)
        rest_s = self.own.settings.outreach.rest_s
        return Failed(str(error), rest_s if error.after_s is None else error.after_s)

    def _budget(self) -> Limiter:
        settings = self.own.settings.sources[self.source]
        chosen = settings.webhook if self.target == "webhook" else settings.crm
        requests = chosen.requests if chosen else 1
        # What is written to a CRM and fetched from it is one account's.
        name = "webhook" if self.target == "webhook" else "crm"
        return self.own.calls_budget(name, max(1, requests // self.calls))

    def _may_ask(self, budget: Limiter) -> bool:
        taken = budget.take(self.source)
        return taken is None or taken.allowed

    def _retry(self, one: WriteBack, verdict: Failed, now: datetime) -> Retry:
        limits = self.own.settings.outreach
        first, longest = timedelta(seconds=limits.backoff_s), timedelta(seconds=limits.longest_s)
        waits = delay(one.attempts, random.random(), first=first, longest=longest)  # noqa: S311 - no secret
        return Retry(one.lead_id, now + max(waits, timedelta(seconds=verdict.after_s or 0)), verdict.error)

    def _goes_on(self, verdicts: Sequence[Verdict]) -> bool:
        for verdict in verdicts:
            self.own.metrics.calls_out.labels(self.source, self.target, type(verdict).__name__.lower()).inc()
        troubles = [verdict for verdict in verdicts if isinstance(verdict, Failed) and verdict.after_s is not None]
        if not troubles:
            self._rest.end()
            return True
        worst = max(troubles, key=lambda trouble: trouble.after_s or 0)
        self._leave_alone(worst.after_s or 0, worst.error)
        return False

    def _leave_alone(self, seconds: float, why: str) -> None:
        if self._rest.begin(seconds, why):
            logger.error("a CRM is left alone for %.0f s: %s: %s", seconds, self._rest.name, why)
