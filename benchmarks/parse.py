"""What a webhook costs before anything is stored: verified, parsed and mapped, in microseconds.

The bodies are the recorded ones of the tests: one lead from its creation to its end, signed as the vendor signs.
"""

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from benchmarks.record import record
from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.vendors.signed_request import SignedRequest
from pipeline.wiring import Services
from tests.support import crm
from tests.support.keys import SECRET_KEY
from workers.webhooks.receiver import WebhookReceiver, receivers

TARGET_US = 300
ROUNDS = 20
REPEATS = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as state:
        opened = crm.environment() | {"SERVICE6_SECRET_KEY": SECRET_KEY, "SERVICE6_UPKEEP__DELIVERY_DAYS": "36500"}
        os.environ.update(opened)
        services = Services(load(Path(state)), Metrics(CollectorRegistry()))
        record(
            "parse",
            {
                "target_us": TARGET_US,
                **{name: _figures(name, receiver) for name, receiver in receivers(services).items()},
            },
        )


def _figures(name: str, receiver: WebhookReceiver) -> dict[str, object]:
    now = datetime.now(UTC)
    sender = crm.sample_vendor(name)
    asked = []
    for body in crm.sequence(name):
        headers = {header.lower(): value for header, value in sender.signed(body, now).items()}
        asked.append(SignedRequest("POST", sender.uri, body, headers))
    rounds = [_microseconds(receiver, asked, now) for _ in range(ROUNDS)]
    return {
        "us_a_request": round(statistics.median(rounds), 1),
        "worst_round": round(max(rounds), 1),
        "bytes": round(statistics.mean(len(one.body) for one in asked)),
        "changes": statistics.mean(len(receiver.read(one, now)[0]) for one in asked),
    }


def _microseconds(receiver: WebhookReceiver, asked: list[SignedRequest], now: datetime) -> float:
    began = time.perf_counter()
    for _ in range(REPEATS):
        for one in asked:
            receiver.read(one, now)
    return (time.perf_counter() - began) / (REPEATS * len(asked)) * 1e6


if __name__ == "__main__":
    main()
