"""Accepted webhooks a second: signed, durable, 64 connections, one API process.

Group commit against one commit a request; publishing is off the request path in both. They take turns; medians count.

    python -m benchmarks.intake
"""

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import bench_services, process
from benchmarks.load import flood, new_secret, signed, until_it_answers
from benchmarks.record import record
from pipeline.wiring import Services
from workers.supervisor.embedded_server import free_port

CONNECTIONS = 64
REQUESTS = 12_000
BASELINE_REQUESTS = 4_000
WARM_REQUESTS = 500
ROUNDS = 3


def main() -> None:
    rates: dict[str, list[float]] = {"group_commit": [], "one_commit_a_request": []}
    with bench_services() as services:
        for number in range(ROUNDS):
            with serving(services, "workers.api") as (port, secret):
                rates["group_commit"].append(measure(port, secret, f"g{number}", REQUESTS))
            with serving(services, "benchmarks.one_commit") as (port, secret):
                rates["one_commit_a_request"].append(measure(port, secret, f"o{number}", BASELINE_REQUESTS))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    record(
        "intake",
        {
            "webhooks_per_second": {name: round(rate) for name, rate in medians.items()},
            "rounds": {name: [round(rate) for rate in found] for name, found in rates.items()},
            "times_one_commit_a_request": round(medians["group_commit"] / medians["one_commit_a_request"], 2),
            "connections": CONNECTIONS,
        },
    )


@contextmanager
def serving(services: Services, module: str) -> Iterator[tuple[int, str]]:
    port, secret = free_port(), new_secret()
    with process(services, module, SERVICE6_API__PORT=str(port), SERVICE6_WEBHOOK_SECRET_STANDARD=secret):
        asyncio.run(until_it_answers(port))
        yield port, secret


def measure(port: int, secret: str, prefix: str, count: int) -> float:
    def requests(kind: str, many: int) -> list[bytes]:
        return [signed(secret, number, f"{prefix}-{kind}{number}") for number in range(many)]

    asyncio.run(flood(port, requests("warm", WARM_REQUESTS), CONNECTIONS))
    return asyncio.run(flood(port, requests("", count), CONNECTIONS))


if __name__ == "__main__":
    main()
