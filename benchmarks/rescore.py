"""A million leads scored again by the workers of a run, beside what the database alone can do, and beside naive Celery.

The ceiling reads and writes the same rows in the same way (packed COPY, UPDATE … FROM, history) on as many connections,
without scoring, slices, leases and events.

    python -m benchmarks.rescore [--leads 1000000]
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psutil
from sqlalchemy import text

from benchmarks.bench import bench_services, fill, process
from benchmarks.drain import naive
from benchmarks.record import record
from pipeline.services.rescorer import Rescorer, columns
from pipeline.settings import loader
from pipeline.storage.runs import rescore_runs
from pipeline.storage.runs.lead_selection import selection
from pipeline.storage.scores import packed_scores, run_writes
from pipeline.wiring import Services
from schemas.run import LeadFilter, Run, RunState
from tasks.app import app, connect
from tests.support.runs import dispatch
from workers.supervisor.process_table import worker

LEADS = 1_000_000
NAIVE_LEADS = 2_000
PROCESSES = 2
TENTH = 10
BLOAT_RUNS = 20
STRIDE = 20_000
MEMORY = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}


class Timed(NamedTuple):
    run: Run
    seconds: float
    memory_mib: int

    @property
    def rate(self) -> float:
        return self.run.leads_done / self.seconds


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leads", type=int, default=LEADS)
    count = arguments.parse_args().leads
    with bench_services(MEMORY) as services:
        connect(services.settings)
        with workers(services):
            figures = {"leads": count, "processes": PROCESSES, **measured(services, count)}
        figures["naive_leads_s"] = round(naive(services, list(range(1, NAIVE_LEADS + 1))))
    figures["times_naive_celery"] = round(figures["all_changed"]["leads_s"] / figures["naive_leads_s"])
    record("rescore", figures)


def measured(services: Services, count: int) -> dict[str, Any]:
    add(services, 1, count // TENTH)
    encoded_few = rescore(services)
    spoil(services, 1)
    small = rescore(services)
    grown = bloat(services)
    add(services, 1 + count // TENTH, count)
    encoded = rescore(services)
    spoil(services, 1)
    most = ceiling(services)
    spoil(services, 1)
    all_changed = rescore(services)
    spoil(services, 1)
    again = rescore(services)
    spoil(services, TENTH)
    few_ceiling = ceiling(services)
    spoil(services, TENTH)
    few = rescore(services)
    return {
        "new_feature_set": shown(encoded),
        "all_changed": shown(all_changed),
        "all_changed_again": shown(again),
        "a_tenth_changed": shown(few),
        "a_tenth_of_the_leads": shown(small),
        "ceiling": {"all_changed_leads_s": round(most), "a_tenth_changed_leads_s": round(few_ceiling)},
        "of_ceiling": {
            "all_changed": round(max(all_changed.rate, again.rate) / most, 3),
            "a_tenth_changed": round(few.rate / few_ceiling, 3),
        },
        "seconds_over_ten_times_a_tenth": round(all_changed.seconds / (TENTH * small.seconds), 3),
        "memory_mib": {"a_tenth_of_the_leads": max(small.memory_mib, encoded_few.memory_mib), "all": again.memory_mib},
        "size_of_scores_mib": grown,
    }


@contextmanager
def workers(services: Services) -> Iterator[None]:
    """As `service6 up` starts them, but for their number."""
    _, _, *module = worker("rescoring", PROCESSES)
    app.control.purge()
    with process(services, *module):
        yield


def add(services: Services, first: int, last: int) -> None:
    """Leads with a score of nought, and no vector yet."""
    fill(services, last - first + 1, first=first)
    with services.session() as db:
        db.execute(PLACE, {"model_id": services.champion.model_id})
    vacuum(services)


def spoil(services: Services, one_in: int) -> None:
    """One score in so many is off by a point; of the others each is as a run would have it."""
    with services.session() as db:
        db.execute(text("UPDATE scores SET score = score - 1 WHERE lead_id % :n = 0"), {"n": one_in})
        db.execute(text("TRUNCATE score_history, outbox"))
    vacuum(services)


def vacuum(services: Services) -> None:
    with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE scores, feature_vectors, leads"))
        connection.execute(text("CHECKPOINT"))


def begin(services: Services, as_of: datetime) -> Run:
    with services.session() as db:
        where, model_id = LeadFilter(), services.champion.model_id
        return rescore_runs.open_run(
            db,
            where,
            model_id=model_id,
            as_of=as_of,
            rate=None,
            leads=rescore_runs.count(db, where, model_id),
            slice_ids=services.settings.rescoring.slice_ids,
            reason="benchmark",
            actor="benchmark",
        )


def rescore(services: Services, as_of: datetime | None = None) -> Timed:
    run = begin(services, as_of or CLOCK)
    began = time.perf_counter()
    dispatch(services, int(run.id))
    memory = 0
    while run.state == RunState.RUNNING:
        time.sleep(0.02)
        memory = max(memory, largest())
        with services.reading() as db:
            run = rescore_runs.find(db, int(run.id)) or run
    if run.state != RunState.DONE:
        raise SystemExit(f"run {run.id}: {run.state}, {run.error}")
    return Timed(run, time.perf_counter() - began, memory >> 20)


def largest() -> int:
    """Bytes of the largest worker process, what it shares with its parent included."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # PostgreSQL's come and go
            if "rescoring" in child.cmdline():
                found = max(found, child.memory_info().rss)
    return found


def bloat(services: Services) -> dict[str, object]:
    """The clock goes to and fro by two months, so that about half of the scores change with every run."""
    sizes = [size(services)]
    for n in range(BLOAT_RUNS):
        rescore(services, CLOCK + timedelta(days=60 * (n % 2 == 0)))
        sizes.append(size(services))
    return {"before": sizes[0], "after_1_run": sizes[1], f"after_{BLOAT_RUNS}_runs": sizes[-1], "largest": max(sizes)}


def size(services: Services) -> float:
    with services.reading() as db:
        return round(db.execute(text("SELECT pg_table_size('scores')")).scalar_one() / 2**20, 1)


def ceiling(services: Services) -> float:
    """Leads a second; what is off by a point is put right."""
    state = str(services.settings.state_dir)
    with services.reading() as db:
        first, last = packed_scores.bounds(db)
    parts = list(range(first, last + 1, STRIDE))
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Barrier(PROCESSES + 1)
    loops = [spawning.Process(target=ceiling_loop, args=(state, parts[n::PROCESSES], ready)) for n in range(PROCESSES)]
    for loop in loops:
        loop.start()
    ready.wait()
    began = time.perf_counter()
    ready.wait()
    ended = time.perf_counter()
    for loop in loops:
        loop.join()
    return (last - first + 1) / (ended - began)


def ceiling_loop(state: str, parts: Sequence[int], ready: Any) -> None:
    """What is written was computed, and both connections were opened, before the clock starts."""
    os.environ["SERVICE6_STATE_DIR"] = state
    services = Services(loader.load())
    champion = services.champion
    rescorer = Rescorer(champion.scorer, champion.model_id, CLOCK, LeadFilter())
    with services.reading() as db:
        written = [columns(rescorer.judge(db, first, first + STRIDE - 1)) for first in parts]
    everyone, width = selection(LeadFilter(), champion.model_id), len(champion.scorer.model.features.features)
    with services.session() as db:
        db.execute(text("SELECT"))
    ready.wait()
    for first, rows in zip(parts, written, strict=True):
        with services.reading() as db:
            packed_scores.read(db, everyone, first, first + STRIDE - 1, model_id=champion.model_id, width=width)
        with services.session() as db:
            run_writes.save(db, rows, model_id=champion.model_id)
    ready.wait()


def shown(timed: Timed) -> dict[str, object]:
    return {
        "leads_s": round(timed.rate),
        "seconds": round(timed.seconds, 2),
        "changed": timed.run.leads_changed,
        "tiers_changed": timed.run.tiers_changed,
    }


CLOCK = datetime.now(UTC)

PLACE = text("""
    INSERT INTO scores (lead_id, score, confidence, tier, factors, model_id, lead_revision, owner)
    SELECT id, 0, 0, 'D', '', :model_id, revision, owner FROM leads l
     WHERE NOT EXISTS (SELECT FROM scores s WHERE s.lead_id = l.id)
""")

if __name__ == "__main__":
    main()
