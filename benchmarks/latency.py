"""From a webhook being sent to its score being committed, and to the frame that tells a dashboard.

200 webhooks a second for 30 s, three times, against the whole chain: API with relay, publisher, one scoring worker of
two processes. The moment of a commit is PostgreSQL's own (`track_commit_timestamp`); client and servers share a clock.

    python -m benchmarks.latency [--rate 200] [--seconds 30] [--rounds 3]
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import websockets
from sqlalchemy import text

from benchmarks.bench import bench_services, process, scoring_worker
from benchmarks.load import HOST, Connection, new_secret, signed, until_it_answers
from benchmarks.record import record
from pipeline.security.tokens import mint
from pipeline.wiring import Services
from schemas.access import Role
from workers.supervisor.embedded_server import free_port

CONNECTIONS = 16
WARM_S = 3.0  # sent first, not counted
SETTLE_S = 10.0  # for the last frames

Moments = dict[str, float]  # external id -> seconds since 1970
Delays = dict[str, float]  # percentile -> milliseconds


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rate", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=30)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    rounds = []
    with bench_services({"track_commit_timestamp": "on"}) as services, chain(services) as (port, secret):
        for number in range(chosen.rounds):
            sent, framed = asyncio.run(run(services, port, secret, chosen.rate, chosen.seconds, f"lead-{number}"))
            rounds.append({"committed_ms": percentiles(sent, commits(services)), "frame_ms": percentiles(sent, framed)})
    figures = {name: middle([one[name] for one in rounds]) for name in ("committed_ms", "frame_ms")}
    record("latency", {"rate": chosen.rate, "seconds": chosen.seconds, **figures, "rounds": rounds})


@contextmanager
def chain(services: Services) -> Iterator[tuple[int, str]]:
    port, secret = free_port(), new_secret()
    with (
        process(services, "workers.api", SERVICE6_API__PORT=str(port), SERVICE6_WEBHOOK_SECRET_STANDARD=secret),
        process(services, "workers.publisher"),
        scoring_worker(services, 2),
    ):
        asyncio.run(until_it_answers(port))
        yield port, secret


async def run(
    services: Services, port: int, secret: str, rate: int, seconds: float, name: str = "lead"
) -> tuple[Moments, Moments]:
    framed: Moments = {}
    warm = int(rate * WARM_S)
    listening = asyncio.create_task(listen(services, port, framed))
    await send(port, [signed(secret, n, f"warm-{name}-{n}") for n in range(warm)], rate)
    requests = [signed(secret, n, f"{name}-{n}") for n in range(int(rate * seconds))]
    began = await send(port, requests, rate)
    sent = {f"{name}-{n}": moment for n, moment in enumerate(began)}
    deadline = time.monotonic() + SETTLE_S
    while not sent.keys() <= framed.keys() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    listening.cancel()
    return sent, framed


async def send(port: int, requests: list[bytes], rate: int) -> list[float]:
    """Each at its own moment, whether or not the ones before are answered; returns the moments."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(port))
    moments: list[float] = []

    async def one(request: bytes) -> None:
        connection = await free.get()
        if await connection.send(request) != 202:
            raise RuntimeError("a webhook was refused")
        free.put_nowait(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            moments.append(time.time())
            group.create_task(one(request))
    return moments


async def listen(services: Services, port: int, framed: Moments) -> None:
    secret_key = services.settings.secret_key.get_secret_value()
    token = mint(secret_key, role=Role.ADMIN, sub="bench", lifetime=timedelta(hours=1), now=datetime.now(UTC))
    url = f"ws://{HOST}:{port}/api/v1/dashboard/real-time"
    async with websockets.connect(url, compression=None) as socket:
        await socket.send(orjson.dumps({"t": "auth", "token": token}).decode())
        await socket.send(
            orjson.dumps({"t": "subscribe", "topics": ["leads"], "leads": None, "position": None}).decode()
        )
        async for frame in socket:
            received = time.time()
            for event in orjson.loads(frame).get("events", ()):
                framed.setdefault(event["body"]["external_id"], received)


def commits(services: Services) -> Moments:
    """When the first score of each lead was committed."""
    query = text("""
        SELECT l.external_id, EXTRACT(epoch FROM pg_xact_commit_timestamp(h.xmin))::float8
          FROM score_history h JOIN leads l ON l.id = h.lead_id WHERE h.rev = 1
    """)
    with services.session() as db:
        return {external_id: moment for external_id, moment in db.execute(query)}


def percentiles(sent: Moments, arrived: Moments) -> Delays:
    delays = [1000 * (arrived[lead] - moment) for lead, moment in sent.items() if lead in arrived]
    return {
        "p50": round(float(np.percentile(delays, 50)), 1),
        "p99": round(float(np.percentile(delays, 99)), 1),
        "worst": round(max(delays), 1),
        "missing": len(sent) - len(delays),
    }


def middle(rounds: Sequence[Delays]) -> Delays:
    """Of each figure the round in the middle."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


if __name__ == "__main__":
    main()
