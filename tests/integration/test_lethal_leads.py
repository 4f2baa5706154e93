"""A lead that kills its process, or the whole worker: who writes its score waits for a lock, and the test kills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from sqlalchemy import text

from pipeline import task_calls
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tasks.app import deliver
from tasks.upkeep import sweep
from tests.integration.rows import execute, rows, save, told, value
from tests.support.serving import worker
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

KILLER = "killer"
LETHAL = """
    CREATE FUNCTION lethal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.lead_id = (SELECT id FROM leads WHERE external_id = 'killer') THEN
            PERFORM pg_advisory_xact_lock(4711);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER lethal BEFORE INSERT ON scores FOR EACH ROW EXECUTE FUNCTION lethal()
"""
DYING = """
    SELECT a.pid, substring(a.query FROM '\\{([0-9, ]+)\\}') AS ids, pg_terminate_backend(a.pid) AS ended
      FROM pg_stat_activity a
     WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND a.wait_event = 'advisory'
"""


@contextmanager
def lethal(services: Services) -> Iterator[None]:
    execute(services, LETHAL)
    try:
        with services.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(4711)"))
            yield
            connection.invalidate()
    finally:
        execute(services, "DROP FUNCTION lethal CASCADE")


def deaths(services: Services, kill: Callable[[], None]) -> list[int]:
    """How many leads each process that died had with it, until the killer is a dead letter."""
    found: list[int] = []

    def dead() -> bool:
        dying = rows(services, "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        if dying:
            kill()
            found.extend(len(row["ids"].split(",")) for row in rows(services, DYING))
        sweep.delay()
        return bool(value(services, "SELECT count(*) FROM dead_letters"))

    eventually(dead, within_s=120, every_s=0.3)
    return found


QUICK = {
    "SERVICE6_UPKEEP__GRACE_S": "1",
    "SERVICE6_UPKEEP__BACKOFF_S": "0.05",
    "SERVICE6_UPKEEP__MAX_ATTEMPTS": "3",
}


@pytest.mark.parametrize("lost", [False, True])
def test_a_lead_that_kills_its_process_takes_its_mates_along_once(
    celery: Services, settings: Settings, lost: bool
) -> None:
    """Three attempts it has, the first with its bundle; also where the first message was lost."""
    with worker(settings, **QUICK) as run, lethal(celery):
        parent = psutil.Process(run.pid)

        def kill() -> None:
            for child in parent.children():
                child.kill()
                eventually(lambda child=child: child.pid not in [other.pid for other in parent.children()])

        ids = save(celery, [told(celery, name) for name in ("a", "b", KILLER, "c", "d")])
        if not lost:
            deliver(task_calls.score_leads(ids))
        assert deaths(celery, kill) == [5, 1, 1]
        assert value(celery, "SELECT count(*) FROM score_history") == 4
        [letter] = rows(celery, "SELECT attempts, arguments FROM dead_letters")
        assert letter == {"attempts": 3, "arguments": {"lead_id": ids[2]}}


def test_a_lead_that_kills_the_whole_worker_takes_its_mates_along_once(celery: Services, settings: Settings) -> None:
    """As where a container ends with all that is in it: nobody is left to tell, but the broker knows what was taken."""
    with lethal(celery), ExitStack() as workers:
        ids = save(celery, [told(celery, name) for name in ("a", "b", KILLER, "c", "d")])
        deliver(task_calls.score_leads(ids))
        running = [workers.enter_context(worker(settings, name="first", **QUICK))]

        def kill() -> None:
            family = [*psutil.Process(running[-1].pid).children(recursive=True), psutil.Process(running[-1].pid)]
            for one in reversed(family):
                one.kill()
            psutil.wait_procs(family, timeout=30)
            running.append(workers.enter_context(worker(settings, name=f"w{len(running)}", **QUICK)))

        assert deaths(celery, kill) == [5, 1, 1]
        assert value(celery, "SELECT count(*) FROM score_history") == 4
        assert value(celery, "SELECT attempts FROM dead_letters") == 3
