"""Sends an invented CRM's signed webhooks at a rate, to measure what the system sustains.

`python -m workers.simulator --sample` is the simulated CRM of `service6 up --sample`.
"""

import argparse
import asyncio
import secrets
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import numpy as np
import orjson

from pipeline import log
from pipeline.errors import TryAgain
from pipeline.printable import printable_lines
from pipeline.settings.loader import Settings, load
from pipeline.wiring import Services
from tasks import app as tasks_app
from workers.simulator.decided_crm import DecidedCrm, SimulatedLead
from workers.simulator.invented_crm import InventedCrm
from workers.simulator.notice import Notice
from workers.simulator.sample import sample
from workers.simulator.simulated_vendor import SimulatedVendor
from workers.supervisor.api_address import api_url

CONNECTIONS = 64
UNANSWERED = 256  # requests on their way; beyond that the sender waits, and the waiting counts as latency
ACCEPTED = 202
TIMES = 60  # attempts to send a webhook, a second apart: without its first one a lead would have no early snapshot


class SimulationReport(NamedTuple):
    """The result. `refused` counts by answer. Latencies in ms, from when a webhook was due; None without answers."""

    sent: int
    accepted: int
    refused: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None
    decided: SimulatedLead | None = None

    def as_json(self) -> str:
        fields = {**self._asdict(), "decided": self.decided._asdict() if self.decided else None}
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode()


def simulate(
    settings: Settings,
    *,
    rate: float,
    seconds: float,
    seed: int | None,
    url: str | None,
    sent: Callable[[int], None],
    days: float | None = None,
) -> SimulationReport:
    """Runs a simulation, and calls `sent` with how many more were sent. With `days`, a `DecidedCrm` covers that many.

    Raises TryAgain if nobody answers at the address.
    """
    seed = secrets.randbits(24) if seed is None else seed
    webhooks = max(1, round(rate * seconds))
    address = (url or api_url(settings)).rstrip("/")
    if days is None:
        return asyncio.run(_simulate(settings, partial(_now, InventedCrm(seed)), rate, webhooks, address, sent))
    crm = DecidedCrm(seed, webhooks=webhooks, days=days, now=datetime.now(UTC))
    report = asyncio.run(_simulate(settings, crm.next, rate, webhooks, address, sent, times=TIMES))
    return report._replace(decided=crm.decided())


def summary(report: SimulationReport) -> str:
    refused = ", ".join(f"{count:,} × {answer}" for answer, count in sorted(report.refused.items())) or "0"
    lines = [f"sent      {report.sent:,}", f"accepted  {report.accepted:,}", f"refused   {refused}"]
    if report.p50_ms is not None:
        lines.append(f"latency   p50 {report.p50_ms:g} ms, p99 {report.p99_ms:g} ms")
    if report.decided:
        lines.append(f"outcomes  {report.decided.won:,} won, {report.decided.lost:,} lost")
        if report.decided.roc_auc is not None:
            lines.append(f"rule      ROC-AUC {report.decided.roc_auc:.3f} of these: no model can beat it but by chance")
    return printable_lines(lines)


def _now(crm: InventedCrm) -> Notice:
    return crm.next(datetime.now(UTC))


async def _simulate(
    settings: Settings,
    next_notice: Callable[[], Notice],
    rate: float,
    webhooks: int,
    url: str,
    sent: Callable[[int], None],
    times: int = 1,
) -> SimulationReport:
    async with SimulatedVendor(settings, url, connections=CONNECTIONS) as vendor:
        if not await vendor.is_awaited():
            raise TryAgain(f"the API does not answer at {url}; is `service6 up` running?")
        run = SimulationRun(vendor, times)
        await run.send_at_rate(next_notice, rate, webhooks, sent)
    return run.report()


class SimulationRun:
    """One measurement. Webhooks leave when they are due, whether or not earlier ones were answered.

    Each is sent until it is accepted, so many `times` at most.
    """

    def __init__(self, vendor: SimulatedVendor, times: int) -> None:
        self._vendor = vendor
        self._times = times
        self._answers: Counter[str] = Counter()
        self._latencies: list[float] = []

    async def send_at_rate(
        self, next_notice: Callable[[], Notice], rate: float, webhooks: int, sent: Callable[[int], None]
    ) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        free = asyncio.Semaphore(UNANSWERED)
        async with asyncio.TaskGroup() as under_way:
            for n in range(webhooks):
                due = began + n / rate
                await asyncio.sleep(due - now())
                await free.acquire()
                task = under_way.create_task(self._send(next_notice(), due))
                task.add_done_callback(lambda _: free.release())
                sent(1)

    async def _send(self, notice: Notice, due: float) -> None:
        status = await self._vendor.insist(notice, most=self._times)
        self._answers["no answer" if status is None else str(status)] += 1
        if status is not None:
            self._latencies.append(asyncio.get_running_loop().time() - due)

    def report(self) -> SimulationReport:
        refused = dict(self._answers)
        accepted = refused.pop(str(ACCEPTED), 0)
        p50, p99 = np.percentile(self._latencies, (50, 99)) * 1000 if self._latencies else (None, None)
        return SimulationReport(
            sent=self._answers.total(),
            accepted=accepted,
            refused=refused,
            p50_ms=None if p50 is None else round(float(p50), 1),
            p99_ms=None if p99 is None else round(float(p99), 1),
        )


async def _until_stopped(services: Services) -> None:
    work = asyncio.create_task(sample(services))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.simulator")
    parser.add_argument(
        "--sample", action="store_true", required=True, help="fill an empty system, then go on for ever"
    )
    parser.parse_args()
    log.configure("simulator")
    settings = load()
    tasks_app.connect(settings)
    asyncio.run(_until_stopped(Services(settings, send=tasks_app.send)))
