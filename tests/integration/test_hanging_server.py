"""A PostgreSQL that hangs: stopped, not dead. It keeps its connections open, takes new ones, and answers nothing."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from threading import enumerate as enumerate_threads

import httpx2
import psutil
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pipeline.errors import TryAgain
from pipeline.settings.loader import Settings, load
from pipeline.storage.platform import migrate
from pipeline.storage.platform.copy import copy
from pipeline.storage.platform.engine import allow, engine, statements, transaction
from tasks.scoring import score_leads
from tests.integration.rows import leads_saved, save, told, value
from tests.integration.test_webhooks import own_servers
from tests.support.directories import directory
from tests.support.serving import api, delivery, in_this_process, log_of, open_services, process
from tests.support.waiting import eventually
from workers.supervisor.postgres_and_valkey import Postgres

ANSWER_S = 2.0
PATIENT_S = 5 * ANSWER_S  # for a machine that is busy
QUICK = {
    "SERVICE6_INTAKE__ANSWER_S": str(ANSWER_S),
    "SERVICE6_API__ANSWER_S": str(ANSWER_S),
    "SERVICE6_PUBLISHER__ANSWER_S": str(ANSWER_S),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with directory() as path:
        made = Postgres(path, options={"fsync": "off"})
        made.start()
        migrate.upgrade(made.url)
        yield made
        made.stop()


@pytest.fixture
def place(settings: Settings, server: Postgres) -> Settings:
    own_servers(settings, DATABASE_URL=server.url)
    found = load(settings.state_dir)
    database = found.database.model_copy(update={"statement_timeout_s": ANSWER_S})
    return found.model_copy(update={"database": database})


@contextmanager
def hanging(server: Postgres) -> Iterator[None]:
    assert server.run is not None
    postmaster = psutil.Process(server.run.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for one in processes:
        one.suspend()
    try:
        yield
    finally:
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.resume()


def told_within(limit_s: float, work: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(TryAgain):
        work()
    assert time.monotonic() - began < limit_s


def refused(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1


def timed(ask: Callable[[], httpx2.Response]) -> tuple[float, httpx2.Response]:
    began = time.monotonic()
    answer = ask()
    return time.monotonic() - began, answer


def test_webhooks_are_told_to_come_again_in_time_and_heal(place: Settings, server: Postgres) -> None:
    body = delivery("again", budget=7)
    with api(place, **QUICK) as running, open_services(place) as services, ThreadPoolExecutor(100) as pool:
        assert running.tell("before").status_code == 202
        with hanging(server):
            for _ in range(2):  # with the connection that was there, and with new ones
                answers = [pool.submit(timed, lambda: running.tell("while")) for _ in range(100)]
                for waited, answer in (one.result() for one in answers):
                    refused(answer)
                    assert waited < PATIENT_S
            headers = running.signed(body)
            refused(running.http.post("/webhooks/standard", content=body, headers=headers))
        resent = lambda: running.http.post("/webhooks/standard", content=body, headers=headers)  # noqa: E731
        eventually(lambda: resent().status_code == 202)
        assert resent().status_code == 202
        assert value(services, "SELECT count(*) FROM leads WHERE external_id = 'again'") == 1
        assert value(services, "SELECT revision FROM leads WHERE external_id = 'again'") == 1


@pytest.mark.parametrize("path", ["/api/v1/leads", "/api/v1/leads/1", "/health", "/health/ready"])
def test_reads_end_in_time_and_use_up_no_thread(place: Settings, server: Postgres, path: str) -> None:
    with api(place, **QUICK) as running, ThreadPoolExecutor(120) as pool:
        running.get(path)
        with hanging(server):
            eventually(lambda: running.get(path).status_code == 503)  # readiness is good for a second
            # Three times as many as there are threads.
            answers = [pool.submit(timed, lambda: running.get(path)) for _ in range(120)]
            waited, live = timed(lambda: running.http.get("/health/live"))
            assert (live.status_code, waited < PATIENT_S) == (200, True)
            for waited, answer in (one.result() for one in answers):
                assert answer.status_code == 503
                assert waited < PATIENT_S
        eventually(lambda: running.get(path).status_code < 500)


def test_metrics_are_told_without_what_only_the_server_knows(place: Settings, server: Postgres) -> None:
    with api(place, SERVICE6_API__ANSWER_S="10") as running:
        running.get("/metrics")
        with hanging(server):
            answer = running.get("/metrics")
        assert answer.status_code == 200
        assert "service6_queue_messages" in answer.text


# Each kind of call, in the middle of a transaction.


def select(db: Session) -> None:
    db.execute(text("SELECT 1"))


def commit(db: Session) -> None:
    db.commit()


def rollback(db: Session) -> None:
    db.rollback()


def copy_in(db: Session) -> None:
    copy(db, "COPY outbox (kind, key, rev, body) FROM STDIN", BytesIO())


def fetch(db: Session) -> None:
    rows = db.execute(text("SELECT generate_series(1, 100000)"), execution_options={"yield_per": 10})
    rows.fetchmany(1)


@pytest.mark.parametrize("call", [select, commit, rollback, copy_in, fetch])
def test_a_call_ends_in_time_and_the_next_has_another_connection(
    server: Postgres, call: Callable[[Session], None]
) -> None:
    made = engine(server.url, pool_size=1, statement_timeout_s=ANSWER_S)

    def work() -> None:
        with transaction(made) as db:
            db.execute(text("SELECT pg_current_xact_id()"))
            with hanging(server):
                call(db)

    told_within(PATIENT_S, work)
    with transaction(made) as db:
        assert db.execute(text("SELECT 1")).scalar_one() == 1
    made.dispose()


def test_a_connection_that_is_asked_for_cannot_be_had(server: Postgres) -> None:
    made = engine(server.url, pool_size=1, statement_timeout_s=ANSWER_S)
    began = time.monotonic()
    with hanging(server), pytest.raises(TryAgain):
        run(made)
    assert time.monotonic() - began < PATIENT_S


def test_what_may_take_longer_is_not_cut_off_and_only_until_its_transaction_ends(server: Postgres) -> None:
    made = engine(server.url, pool_size=1, statement_timeout_s=0.5)
    longer_s = 2.0
    with transaction(made) as db:
        allow(db, 60)
        db.execute(text("SELECT pg_sleep(:s)"), {"s": longer_s})
    with pytest.raises(TryAgain, match="57014"), transaction(made) as db:
        db.execute(text("SELECT pg_sleep(:s)"), {"s": longer_s})
    made.dispose()


def test_the_watchdog_ends_where_nothing_is_asked_and_begins_again(server: Postgres) -> None:
    made = engine(server.url, pool_size=1, statement_timeout_s=0.5)
    eventually(lambda: watchdogs() == 0, within_s=120)  # those of earlier tests
    for _ in range(2):
        with statements(made) as db:
            db.execute(text("SELECT 1"))
        assert watchdogs() == 1
        eventually(lambda: watchdogs() == 0)
    with hanging(server):
        told_within(PATIENT_S, lambda: run(made))
    made.dispose()


def run(made: Engine) -> None:
    with transaction(made) as db:
        db.execute(text("SELECT 1"))


def watchdogs() -> int:
    return sum(thread.name == "watchdog" for thread in enumerate_threads())


def test_a_forked_process_has_a_watchdog_of_its_own(server: Postgres) -> None:
    made = engine(server.url, pool_size=1, statement_timeout_s=0.5)
    run(made)
    with hanging(server):
        began = time.monotonic()
        child = multiprocessing.get_context("fork").Process(target=forked, args=(made,))
        child.start()
        child.join(PATIENT_S)
        assert (child.exitcode, time.monotonic() - began < PATIENT_S) == (0, True)
    run(made)  # the parent's connection is whole
    made.dispose()


def forked(made: Engine) -> None:
    made.dispose(close=False)
    with suppress(TryAgain):
        run(made)


# Tasks and processes.


def test_a_scoring_task_ends_in_time_and_counts_nothing_against_its_leads(place: Settings, server: Postgres) -> None:
    with open_services(place) as services, in_this_process(services):
        ids = leads_saved(services, 3)
        with hanging(server):
            told_within(3 * PATIENT_S, lambda: score_leads(ids))
        owed = "SELECT count(*) FROM unscored WHERE attempts = 0 AND lead_id = ANY(:ids)"
        assert value(services, owed, ids=ids) == 3
        score_leads(ids)
        assert value(services, "SELECT count(*) FROM unscored WHERE lead_id = ANY(:ids)", ids=ids) == 0


def test_the_publisher_goes_on_by_itself(place: Settings, server: Postgres) -> None:
    with (
        open_services(place) as services,
        in_this_process(services),
        process("publisher", ("workers.publisher",), place, **QUICK),
    ):
        score_leads(leads_saved(services, 3))
        eventually(lambda: value(services, "SELECT count(*) FROM outbox") == 0)
        with hanging(server):
            eventually(lambda: "does not answer" in log_of(place, "publisher").read_text(encoding="utf-8"))
        score_leads(save(services, [told(services, "after")]))
        eventually(lambda: value(services, "SELECT count(*) FROM outbox") == 0)
