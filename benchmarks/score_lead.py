"""What a score costs over HTTP: of a saved lead by its id, and of attributes that are tried out.

One API process on a filled database. Latency is that of one client alone; the rate is that of eight at once.

    python -m benchmarks.score_lead [--leads 20000] [--requests 2000]
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import orjson

from benchmarks.bench import bench_services, fill, forget_scores, process
from benchmarks.load import HOST, Connection, until_it_answers
from benchmarks.record import record
from pipeline.security.tokens import mint
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services
from schemas.access import Role
from workers.supervisor.embedded_server import free_port

WARM_REQUESTS = 200
CLIENTS = 8
BUNDLE = 1000
UNBOUNDED = str(10**9)  # the budget is counted all the same
ATTRIBUTES = {
    "budget": 250_000, "timeline_days": 45, "visits": 6, "time_on_site_s": 640, "email_opens": 3, "email_clicks": 1,
    "meetings": 1, "company_size": 180, "source": "referral", "seniority": "director", "financing": "pending",
}  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leads", type=int, default=20_000)
    arguments.add_argument("--requests", type=int, default=2_000)
    chosen = arguments.parse_args()
    port = free_port()
    with bench_services() as services:
        ids = scored(services, chosen.leads)
        budget = {"SERVICE6_API__PORT": str(port), "SERVICE6_API__SCORE_LEADS_A_MINUTE": UNBOUNDED}
        with process(services, "workers.api", **budget):
            asyncio.run(until_it_answers(port))
            figures = {
                "by_id": asyncio.run(
                    measured(services, port, [{"lead_id": str(lead)} for lead in ids], chosen.requests)
                ),
                "what_if": asyncio.run(measured(services, port, [{"attributes": ATTRIBUTES}], chosen.requests)),
            }
    record("score_lead", {"leads": chosen.leads, "requests": chosen.requests, "clients": CLIENTS, **figures})


def scored(services: Services, number: int) -> list[int]:
    ids = fill(services, number)
    forget_scores(services)
    for start in range(0, number, BUNDLE):
        with services.session() as db:
            waiting = lead_rows.waiting(db, ids[start : start + BUNDLE])
            made = services.champion.scorer.score(waiting, datetime.now(UTC))
            score_writes.save(db, made, model_id=services.champion.model_id, reason="change")
    return ids


async def measured(services: Services, port: int, bodies: Sequence[object], requests: int) -> dict[str, float]:
    turn = count()
    key = services.settings.secret_key.get_secret_value()
    token = mint(key, role=Role.ADMIN, sub="bench", lifetime=timedelta(hours=1), now=datetime.now(UTC))
    asked = [request(token, bodies[(n * 7919) % len(bodies)]) for n in range(requests)]

    async def ask(number: int) -> list[float]:
        connection = await Connection.open(port)
        taken = []
        for _ in range(number):
            began = time.perf_counter()
            if await connection.send(asked[next(turn) % len(asked)]) != 200:
                raise RuntimeError("a request was refused")
            taken.append(1000 * (time.perf_counter() - began))
        return taken

    await ask(WARM_REQUESTS)
    alone = await ask(requests)
    began = time.perf_counter()
    together = await asyncio.gather(*(ask(requests // CLIENTS) for _ in range(CLIENTS)))
    rate = sum(map(len, together)) / (time.perf_counter() - began)
    return {
        "p50_ms": round(float(np.percentile(alone, 50)), 2),
        "p99_ms": round(float(np.percentile(alone, 99)), 2),
        "worst_ms": round(max(alone), 2),
        "requests_per_second": round(rate),
    }


def request(token: str, body: object) -> bytes:
    content = orjson.dumps(body)
    head = (
        f"POST /api/v1/ai/score-lead HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


if __name__ == "__main__":
    main()
