"""Sends an invented CRM's signed webhooks: at a rate, to see what the system bears; or for ever, as `up --sample` does.

`python -m workers.simulator --sample` is the latter.
"""

import argparse
import asyncio
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx2
import numpy as np
import orjson
from standardwebhooks.webhooks import Webhook

from pipeline import log
from pipeline.errors import Misconfigured, TryAgain
from pipeline.security import tokens
from pipeline.settings import Settings, load
from schemas.access import Role
from workers.address import api_url
from workers.crm import InventedCrm, Notice

SOURCE = "standard"
CONNECTIONS = 64
UNANSWERED = 2000  # requests on their way; beyond that the sender waits
ANSWER_S = 30.0
ACCEPTED = 202
NO_ANSWER = "no answer"

SAMPLE_LEADS = 2000
SAMPLE_CONNECTIONS = 16
SAMPLE_RATE = 3.0  # webhooks a second
RESEND_S = 1.0


class Report(NamedTuple):
    """`refused` counts by answer. Latencies in ms, from the moment a webhook was due; None if nothing was answered."""

    sent: int
    accepted: int
    refused: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None


class Vendor:
    """Signs and posts. One that lives signs each delivery anew, as the receiver accepts five minutes only."""

    def __init__(self, client: httpx2.AsyncClient, url: str, secret: str) -> None:
        self._client = client
        self._address = f"{url}/webhooks/{SOURCE}"
        self._webhook = Webhook(secret)

    async def send(self, notice: Notice, delivery_id: str) -> httpx2.Response:
        body = orjson.dumps(notice.body)
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(delivery_id, now, body.decode()),
        }
        return await self._client.post(self._address, content=body, headers=headers)

    async def insist(self, notice: Notice) -> None:
        """Sends it again until it is accepted, as vendors do; gives up on what will never be."""
        delivery_id = new_id()
        while True:
            with suppress(httpx2.TransportError):
                status = (await self.send(notice, delivery_id)).status_code
                if status < 500 and status != 429:
                    return
            await asyncio.sleep(RESEND_S)


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def simulate(
    settings: Settings, *, rate: float, seconds: float, seed: int, url: str | None, sent: Callable[[int], None]
) -> Report:
    """`sent` is told how many more have left. Raises TryAgain if nobody answers at the address."""
    return asyncio.run(_simulate(settings, rate, seconds, seed, (url or api_url(settings)).rstrip("/"), sent))


async def _simulate(
    settings: Settings, rate: float, seconds: float, seed: int, url: str, sent: Callable[[int], None]
) -> Report:
    crm = InventedCrm(seed)
    async with _client(CONNECTIONS) as client:
        await _require(client, url)
        vendor = Vendor(client, url, _secret(settings))
        run = Run(vendor)
        await run.send_at_rate(crm, rate, seconds, sent)
    return run.report()


class Run:
    """One measurement. Webhooks leave when they are due, whether or not earlier ones were answered."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._answers: Counter[str] = Counter()
        self._latencies: list[float] = []

    async def send_at_rate(self, crm: InventedCrm, rate: float, seconds: float, sent: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        free = asyncio.Semaphore(UNANSWERED)
        async with asyncio.TaskGroup() as under_way:
            for n in range(max(1, round(rate * seconds))):
                due = began + n / rate
                await asyncio.sleep(due - loop.time())
                await free.acquire()
                one = under_way.create_task(self._one(crm.next(datetime.now(UTC)), due))
                one.add_done_callback(lambda _: free.release())
                sent(1)

    async def _one(self, notice: Notice, due: float) -> None:
        try:
            status = (await self._vendor.send(notice, new_id())).status_code
        except httpx2.HTTPError:
            self._answers[NO_ANSWER] += 1
        else:
            self._answers[str(status)] += 1
            self._latencies.append(asyncio.get_running_loop().time() - due)

    def report(self) -> Report:
        accepted = self._answers.pop(str(ACCEPTED), 0)
        p50, p99 = np.percentile(self._latencies, (50, 99)) * 1000 if self._latencies else (None, None)
        return Report(
            sent=accepted + self._answers.total(),
            accepted=accepted,
            refused=dict(self._answers),
            p50_ms=None if p50 is None else round(float(p50), 1),
            p99_ms=None if p99 is None else round(float(p99), 1),
        )


async def sample(settings: Settings, *, leads: int = SAMPLE_LEADS, rate: float = SAMPLE_RATE) -> None:
    """Fills an empty system with leads and what became of them, then goes on for ever."""
    url = api_url(settings)
    crm = InventedCrm(secrets.randbits(24))
    async with _client(SAMPLE_CONNECTIONS) as client:
        vendor = Vendor(client, url, _secret(settings))
        if await _is_empty(client, url, settings):
            notices = crm.history(leads, datetime.now(UTC))
            async with asyncio.TaskGroup() as tellers:
                for _ in range(SAMPLE_CONNECTIONS):
                    tellers.create_task(_tell(vendor, notices))
        while True:
            await vendor.insist(crm.next(datetime.now(UTC)))
            await asyncio.sleep(1 / rate)


async def _tell(vendor: Vendor, notices: Iterator[Notice]) -> None:
    for notice in notices:
        await vendor.insist(notice)


async def _is_empty(client: httpx2.AsyncClient, url: str, settings: Settings) -> bool:
    """Asks until the API answers."""
    while True:
        token = tokens.mint(
            settings.secret_key.get_secret_value(),
            role=Role.VIEWER,
            sub="simulator",
            lifetime=timedelta(minutes=5),
            now=datetime.now(UTC),
        )
        with suppress(httpx2.TransportError):
            answer = await client.get(
                f"{url}/api/v1/leads", params={"limit": 1}, headers={"authorization": f"Bearer {token}"}
            )
            if answer.status_code == httpx2.codes.OK:
                return bool(answer.json()["total"] == 0)
        await asyncio.sleep(RESEND_S)


async def _require(client: httpx2.AsyncClient, url: str) -> None:
    try:
        await client.get(f"{url}/health/live")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TryAgain(
            f"the API does not answer at {url} ({type(error).__name__}); is `service6 up` running?"
        ) from None


def _client(connections: int) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        timeout=httpx2.Timeout(ANSWER_S),
        trust_env=False,  # a proxy would not find this machine
    )


def _secret(settings: Settings) -> str:
    known = settings.webhook_secrets.get(SOURCE)
    if not known:
        raise Misconfigured(
            f"the source {SOURCE} has no secret: set SERVICE6_WEBHOOK_SECRET_{SOURCE.upper()}, or run `service6 up`"
        )
    return known[0].get_secret_value()


async def _until_stopped(settings: Settings) -> None:
    work = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel if work else loop.stop)
    with suppress(asyncio.CancelledError):
        await sample(settings)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.simulator")
    parser.add_argument(
        "--sample", action="store_true", required=True, help="fill an empty system, then go on for ever"
    )
    parser.parse_args()
    log.configure("simulator")
    asyncio.run(_until_stopped(load()))


if __name__ == "__main__":
    main()
