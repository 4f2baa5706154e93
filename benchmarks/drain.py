"""Leads a second from the queue to committed score, history, vector and outbox.

Ours (bundles of 100, two worker processes) against naive Celery (one lead a task, one commit a task, default settings)
and against a bare loop without a broker (two processes; the same load, scoring and SQL, bundles of 100); and ours once
more with a learned champion. They take turns, so that a slow minute of the machine hits all alike; the median of their
rates counts.

    python -m benchmarks.drain
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.bench import bench_services, bundles, fill, forget_scores, process, scored, scoring_worker
from benchmarks.learned import in_charge, learn
from benchmarks.record import record
from pipeline import task_calls
from pipeline.services.score_leads import REALTIME
from pipeline.settings import loader
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services
from tasks.app import app, connect, deliver

LEADS = 30_000
NAIVE_LEADS = 3_000
BUNDLE = 100
PROCESSES = 2
ROUNDS = 3
WARM = 0.1  # of the leads are not timed: the processes start
LOOK_S = 0.05  # to count the scores oftener would cost what is measured


def main() -> None:
    rates: dict[str, list[float]] = {"ours": [], "learned": [], "naive": [], "bare": []}
    with bench_services() as services:
        connect(services.settings)
        ids = fill(services, LEADS)
        services.champion  # noqa: B018 - the model version must not be made by whoever runs first
        forget_scores(services)
        learned = learn(services, ids)
        for _ in range(ROUNDS):
            rates["bare"].append(bare(services, ids))
            rates["ours"].append(ours(services, ids))
            with in_charge(services, learned):
                rates["learned"].append(ours(services, ids))
            rates["naive"].append(naive(services, ids[:NAIVE_LEADS]))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    record(
        "drain",
        {
            "leads_per_second": {name: round(rate) for name, rate in medians.items()},
            "rounds": {name: [round(rate) for rate in found] for name, found in rates.items()},
            "of_bare_loop": round(medians["ours"] / medians["bare"], 3),
            "times_naive_celery": round(medians["ours"] / medians["naive"], 1),
            "learned_of_scorecard": round(medians["learned"] / medians["ours"], 3),
            "bundle": BUNDLE,
            "processes": PROCESSES,
            "leads": LEADS,
        },
    )


def ours(services: Services, ids: Sequence[int]) -> float:
    forget_scores(services)
    app.control.purge()
    for bundle in bundles(ids, BUNDLE):
        deliver(task_calls.score_leads(bundle))
    with scoring_worker(services, PROCESSES):
        return rate(services, len(ids))


def naive(services: Services, ids: Sequence[int]) -> float:
    from benchmarks.naive import app as naive_app
    from benchmarks.naive import score_lead

    forget_scores(services)
    naive_app.conf.broker_url = services.settings.redis_url
    for lead_id in ids:
        score_lead.delay(lead_id)
    with process(services, "celery", "-A", "benchmarks.naive", "worker", "-c", str(PROCESSES)):
        return rate(services, len(ids))


def bare(services: Services, ids: Sequence[int]) -> float:
    forget_scores(services)
    state = str(services.settings.state_dir)
    parts = bundles(ids, BUNDLE)
    spawning = multiprocessing.get_context("spawn")
    loops = [spawning.Process(target=bare_loop, args=(state, parts[n::PROCESSES])) for n in range(PROCESSES)]
    for loop in loops:
        loop.start()
    found = rate(services, len(ids))
    for loop in loops:
        loop.join()
    return found


def bare_loop(state: str, parts: Sequence[Sequence[int]]) -> None:
    os.environ["SERVICE6_STATE_DIR"] = state
    services = Services(loader.load())
    champion = services.champion
    for lead_ids in parts:
        with services.session() as db:
            waiting = lead_rows.waiting(db, lead_ids)
        rows = champion.scorer.score(waiting, datetime.now(UTC))
        with services.session() as db:
            score_writes.save(db, rows, model_id=champion.model_id, reason=REALTIME)


def rate(services: Services, count: int) -> float:
    """Leads a second between the first tenth and the last."""
    while (first := scored(services)) < count * WARM:
        time.sleep(LOOK_S)
    began = time.perf_counter()
    while (last := scored(services)) < count * (1 - WARM):
        time.sleep(LOOK_S)
    found = (last - first) / (time.perf_counter() - began)
    while scored(services) < count:
        time.sleep(LOOK_S)
    return found


if __name__ == "__main__":
    main()
