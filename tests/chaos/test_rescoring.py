"""A run of 50,000 leads goes through the end of workers and servers while 1,000 of the leads change, and ends right."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import redis
from kombu.exceptions import OperationalError
from sqlalchemy import text

from benchmarks.bench import fill
from pipeline.errors import TryAgain
from pipeline.services import start_run
from pipeline.services.ingest import lead_saver
from pipeline.storage.leads import lead_rows
from pipeline.storage.platform import migrate
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.lead import LeadChange
from schemas.run import Run, RunRequest, RunState
from tasks.upkeep import keep_runs, sweep
from tests.support.serving import furnish, in_this_process, open_services, worker
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import Server
from workers.supervisor.postgres_and_valkey import Postgres, Valkey

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

LEADS = 50_000
CHANGED = 1_000
BATCH = 20
ENDED_S = 240.0
PLACE = """
    INSERT INTO scores (lead_id, score, confidence, tier, factors, model_id, lead_revision, owner)
    SELECT id, 0, 0, 'D', '', :model_id, revision, owner FROM leads
"""
PATIENT = {
    "SERVICE6_RESCORING__LEASE_S": "3",
    "SERVICE6_RESCORING__STEP_IDS": "500",
    "SERVICE6_RESCORING__LIVE_IDS": "500",
}
QUICK = {"SERVICE6_UPKEEP__GRACE_S": "1", "SERVICE6_UPKEEP__BACKOFF_S": "1"}


@pytest.fixture
def servers(state_dir: Path) -> Iterator[tuple[Postgres, Valkey]]:
    postgres, valkey = Postgres(state_dir / "postgres"), Valkey(state_dir / "valkey")
    with ExitStack() as stack:
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        migrate.upgrade(postgres.url)
        yield postgres, valkey


@pytest.fixture
def celery(servers: tuple[Postgres, Valkey], state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(state_dir))
    postgres, valkey = servers
    furnished = furnish(state_dir, postgres.url, valkey.url)
    # No other run begins by itself, whatever the hour.
    rescore_runs = furnished.rescoring.model_copy(update={"schedules": {}})
    settings = furnished.model_copy(update={"rescoring": rescore_runs})
    with open_services(settings) as services, in_this_process(services):
        yield services


def persisting(work: Callable[[], object]) -> None:
    """As intake's clients do: what failed because a server was away is sent again."""
    while True:
        try:
            work()
        except (TryAgain, redis.RedisError, OperationalError, OSError):
            time.sleep(0.1)
        else:
            return


@contextmanager
def webhooks(services: Services) -> Iterator[None]:
    """A thousand leads change, twenty at a time, for as long as it takes."""

    def change(first: int) -> None:
        now = datetime.now(UTC)
        told = [
            LeadChange("bench", f"lead-{n}", f"{n}", now, {"budget": n * 100, "meetings": n % 4}, {})
            for n in range(first, first + BATCH)
        ]
        with services.session() as db:
            lead_saver(services).save(db, told, now)

    def all_of_them() -> None:
        for first in range(1, CHANGED * 10, BATCH * 10):
            persisting(lambda first=first: change(first))

    thread = threading.Thread(target=all_of_them)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def upkeep(services: Services) -> Iterator[None]:
    """What beat and its worker do, in this process."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(0.5):
            persisting(keep_runs)
            persisting(sweep)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def look(services: Services, run: Run) -> Run | None:
    try:
        with services.reading() as db:
            return rescore_runs.find(db, int(run.id))
    except TryAgain:
        return None


def done(services: Services, run: Run, leads_done: int) -> Callable[[], bool]:
    def is_done() -> bool:
        now = look(services, run)
        return now is not None and now.leads_done >= leads_done

    return is_done


def killed(server: Server) -> None:
    server.run.kill()
    server.run.child.wait()
    server.start()


def expected(services: Services, as_of: datetime) -> dict[int, tuple[float, str]]:
    """One thread, one lead after the other, from what the leads say."""
    with services.session() as db:
        ids = list(db.execute(text("SELECT id FROM leads ORDER BY id")).scalars())
        waiting = lead_rows.of_sources(db, ids, ["bench"])
    return {row.lead_id: (round(row.score, 1), row.tier) for row in services.champion.scorer.score(waiting, as_of)}


def test_a_run_ends_right_whatever_is_killed(celery: Services, servers: tuple[Postgres, Valkey]) -> None:
    fill(celery, LEADS)
    with celery.session() as db:
        db.execute(text(PLACE), {"model_id": celery.champion.model_id})
    with celery.session() as db:
        run = start_run.open_run(celery, db, RunRequest(), actor="test", reason="operator")
    postgres, valkey = servers
    with ExitStack() as stack:
        start = stack.enter_context
        rescorers = [start(worker(celery.settings, "rescoring", name=name, **PATIENT)) for name in ("one", "two")]
        start(worker(celery.settings, "scoring", **QUICK))
        start(upkeep(celery))
        start(webhooks(celery))
        eventually(done(celery, run, 1), within_s=60)
        for child in psutil.Process(rescorers[0].pid).children():
            child.kill()  # in the middle of a slice; its parent starts another
        eventually(done(celery, run, LEADS // 4), within_s=ENDED_S)
        killed(postgres)
        eventually(done(celery, run, LEADS // 2), within_s=ENDED_S)
        killed(valkey)

        def ended() -> bool:
            now = look(celery, run)
            return now is not None and now.state != RunState.RUNNING

        eventually(ended, within_s=ENDED_S, every_s=0.2)

        def settled() -> bool:
            with celery.reading() as db:
                return not rescore_runs.live_work_waits(db)

        eventually(settled, within_s=60)
    with celery.reading() as db:
        last = rescore_runs.find(db, int(run.id))
        assert last
        saved = {
            lead: (round(score, 1), tier)
            for lead, score, tier in db.execute(text("SELECT lead_id, score, tier FROM scores"))
        }
        doubles = "SELECT count(*) - count(DISTINCT (lead_id, rev)) FROM score_history"
        assert db.execute(text(doubles)).scalar_one() == 0
        unwritten = """
            SELECT count(*) FROM scores s WHERE rev > 1
               AND (SELECT count(*) FROM score_history h WHERE h.lead_id = s.lead_id) <> s.rev - 1
        """
        assert db.execute(text(unwritten)).scalar_one() == 0
        assert db.execute(text("SELECT count(*) FROM scores WHERE lead_revision = 2")).scalar_one() == CHANGED
    assert (last.state, last.leads_done) == (RunState.DONE, LEADS), last.error
    assert saved == expected(celery, last.as_of)
