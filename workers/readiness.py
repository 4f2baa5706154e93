"""Checks whether this process can take webhooks now, for load balancers, at little cost per call."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from pipeline.errors import Disturbed, Service6Error, TryAgain
from pipeline.storage.platform.engine import engine, transaction
from pipeline.wiring import Services
from schemas.api import HealthCheck

T = TypeVar("T")

KEPT_S = 1.0  # how long a good answer is reused, so that probes cost little
BAD_KEPT_S = 0.25  # the same for a bad one
ANSWER_S = 3.0  # a server that hangs is reported as down after this time
FAILED_S = 10.0  # a webhook that could not be saved counts for so long, unless a later one could

PROBE_KEY = "service6:probe"
PROBE_S = 60
ESSENTIAL = ("postgresql", "writes")  # without these no webhook can be taken

# PostgreSQL writes what is larger than its memory for one step into a file beside the data. So a full disk is seen with
# no row and no log record written, which each probe would leave behind.
LITTLE_MEMORY = text("SET LOCAL work_mem = '64kB'")
SPILL = text("SELECT count(*) FROM generate_series(1, 20000)")
READ_ONLY = text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool")


class Readiness:
    """PostgreSQL answers and takes writes, Redis answers and takes writes; each probe is one for all who wait for it.

    PostgreSQL takes writes if it is neither a standby nor read-only, if a file can be written beside its data, and if
    the last webhook could be saved, or its failure was a while ago. The last shows what no probe foresees
    (a missing right, a full disk for the log); since a load balancer then sends no more webhooks, it is forgotten
    after `FAILED_S`, and the next webhooks tell whether it is over.

    Redis without writes (away, out of memory, a replica) is degraded, not down: webhooks are saved and answered 202
    all the same, and upkeep enqueues them when Redis is back. To send them elsewhere would lose them.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        # Not from the pool of the API's readers: a busy API is no reason to send its webhooks away.
        self._engine = engine(services.settings.database_url, pool_size=1, statement_timeout_s=ANSWER_S)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._looking: asyncio.Future[tuple[HealthCheck, ...]] | None = None
        self._checks: tuple[HealthCheck, ...] = ()
        self._good_until = 0.0
        self._failure: tuple[float, str] | None = None

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Wraps the saving of webhooks, and records whether PostgreSQL took them."""
        try:
            yield
        except Disturbed:
            raise
        except TryAgain as error:
            self._failure = (time.monotonic(), str(error))
            self._good_until = 0.0
            raise
        if self._failure is not None:
            self._failure = None
            self._good_until = 0.0

    async def checks(self) -> tuple[HealthCheck, ...]:
        if time.monotonic() < self._good_until:
            return self._checks
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            return tuple(
                HealthCheck(name=name, ok=False, detail=f"no answer in {ANSWER_S:.0f} s") for name in ESSENTIAL
            )

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _look(self) -> tuple[HealthCheck, ...]:
        self._checks = (
            checked("postgresql", self._answers),
            checked("writes", self._takes_writes),
            checked("redis", self._redis_takes_writes),
        )
        kept_s = KEPT_S if all(check.ok for check in self._checks) else BAD_KEPT_S
        self._good_until = time.monotonic() + kept_s
        return self._checks

    def _answers(self) -> tuple[bool, str]:
        self._twice(lambda db: db.execute(text("SELECT 1")))
        return True, "answers"

    def _takes_writes(self) -> tuple[bool, str]:
        standby, read_only = self._twice(lambda db: db.execute(READ_ONLY).one())
        if standby or read_only:
            return False, "PostgreSQL is a standby" if standby else "PostgreSQL is read-only"
        self._twice(self._spill)
        failure = self._failure
        if failure is not None and time.monotonic() - failure[0] < FAILED_S:
            return False, f"a webhook could not be saved: {failure[1]}"
        return True, "takes writes"

    @staticmethod
    def _spill(db: Session) -> object:
        db.execute(LITTLE_MEMORY)
        return db.execute(SPILL).scalar_one()

    def _twice(self, query: Callable[[Session], T]) -> T:
        """Runs the query, once more on a new connection if it fails: the old one may have died long ago."""
        try:
            with transaction(self._engine) as db:
                return query(db)
        except TryAgain:
            self._engine.dispose()
            with transaction(self._engine) as db:
                return query(db)

    def _redis_takes_writes(self) -> tuple[bool, str]:
        try:
            self._services.redis.set(PROBE_KEY, 1, ex=PROBE_S)
        except redis.ResponseError as error:  # out of memory, a replica, a full disk
            return False, f"refuses writes ({type(error).__name__}); webhooks are taken, and scored when it is mended"
        return True, "answers"


def checked(name: str, look: Callable[[], tuple[bool, str]]) -> HealthCheck:
    try:
        ok, detail = look()
    except (Service6Error, redis.RedisError) as error:
        ok, detail = False, str(error) if isinstance(error, Service6Error) else "does not answer"
    return HealthCheck(name=name, ok=ok, detail=detail)
