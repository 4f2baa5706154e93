"""What real time notices of a rescoring that never ends: latency of 100 webhooks a second without and beside it.

One rescoring worker with one process; the clock of its runs goes to and fro by two months, so that about half of the
scores change with each. Both parts in one run, on the same servers.

    python -m benchmarks.beside_rescoring [--leads 300000] [--seconds 30]
"""

import argparse
import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from benchmarks.bench import bench_services, process
from benchmarks.latency import chain, commits, percentiles, run
from benchmarks.record import record
from benchmarks.rescore import CLOCK, MEMORY, add, begin
from pipeline.storage.runs import rescore_runs
from pipeline.wiring import Services
from schemas.run import RunState
from tasks.app import connect
from tests.support.runs import dispatch
from workers.supervisor.process_table import worker

RATE = 100
LOOK_S = 0.2


class Runs:
    """One after the other until it is told to end."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended = threading.Event()
        self.leads = 0
        self.number = 0

    def go_on(self) -> None:
        while not self._ended.is_set():
            self.number += 1
            begun = begin(self._services, CLOCK + timedelta(days=60 * (self.number % 2)))
            dispatch(self._services, int(begun.id))
            while begun.state == RunState.RUNNING and not self._ended.wait(LOOK_S):
                with self._services.reading() as db:
                    begun = rescore_runs.find(db, int(begun.id)) or begun
            self.leads += begun.leads_done

    def end(self) -> None:
        self._ended.set()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leads", type=int, default=300_000)
    arguments.add_argument("--seconds", type=float, default=30)
    chosen = arguments.parse_args()
    _, _, *module = worker("rescoring", 1)
    with (
        bench_services({**MEMORY, "track_commit_timestamp": "on"}) as services,
        process(services, *module),
        chain(services) as (port, secret),
    ):
        connect(services.settings)
        add(services, 1, chosen.leads)
        without = measured(services, port, secret, chosen.seconds, "without")
        with rescoring_goes_on(services) as runs:
            beside = measured(services, port, secret, chosen.seconds, "beside")
    record(
        "beside_rescoring",
        {
            "leads": chosen.leads,
            "rate": RATE,
            "seconds": chosen.seconds,
            "without": without,
            "beside": beside,
            "rescored_leads_s": round(runs.leads / chosen.seconds),
            "p99_times": {
                name: round(beside[name]["p99"] / without[name]["p99"], 2) for name in ("committed_ms", "frame_ms")
            },
        },
    )


def measured(services: Services, port: int, secret: str, seconds: float, name: str) -> dict[str, dict[str, float]]:
    sent, framed = asyncio.run(run(services, port, secret, RATE, seconds, name))
    return {"committed_ms": percentiles(sent, commits(services)), "frame_ms": percentiles(sent, framed)}


@contextmanager
def rescoring_goes_on(services: Services) -> Iterator[Runs]:
    runs = Runs(services)
    thread = threading.Thread(target=runs.go_on)
    thread.start()
    try:
        yield runs
    finally:
        runs.end()
        thread.join()


if __name__ == "__main__":
    main()
