"""A whole stack with CRMs on one side and a dashboard on the other, for tests that hurt it in between."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import psutil
import redis

from pipeline.security import tokens
from pipeline.settings.loader import embedded_servers, load
from schemas.access import Role
from tests.chaos import database, oracle
from tests.chaos.dashboard import Dashboard, Shown
from tests.chaos.dialects import DIALECTS
from tests.chaos.ledger import Crm
from tests.chaos.oracle import Evidence
from tests.chaos.place import Place, process
from tests.support import crm
from tests.support.directories import directory
from tests.support.processes import Terminal
from tests.support.vendor_api import VendorApi, ok, vendor_api
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port

STARTED_S = 120.0
# Bounds, not expectations: recovery takes seconds on a calm machine.
RECOVERED_S = 90.0
DRAINED_S = 120.0
CALM_S = 180.0  # what a worker had taken to tell a CRM when it died is its own for a minute
WRITE_BACK_VENDORS = "standard"
RATE = 20.0
RESTARTED_S = 60.0

WORDS = {
    "api": ("workers.api",),
    "publisher": ("workers.publisher",),
    "scoring": ("worker", "-Q scoring"),
    "upkeep": ("worker", "-Q upkeep"),
    "rescoring": ("worker", "-Q rescoring"),
    "outbound": ("worker", "-Q outbound"),
    "beat": ("workers.broker", "beat"),
    "valkey": ("valkey-server",),
    "postgres": ("bin/postgres",),
}


class Stack:
    """`service6 up` with three vendors' webhooks open; `start` may be called again after its supervisor was killed.

    `receiver`: who is told the scores of the source `standard`, if anybody.
    """

    def __init__(self, place: Place, receiver: VendorApi | None = None) -> None:
        self.place = place
        self.receiver = receiver
        self._running = ExitStack()
        self.shown: Terminal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.place.port}"

    def start(self) -> None:
        self.launch()
        self.shown.shows("Service 6 is up", within_s=STARTED_S)

    def launch(self) -> None:
        """As `start`, without waiting until it is up."""
        self.stop()
        environment = crm.environment(tuple(DIALECTS))
        if self.receiver is not None:
            secret = crm.sample_vendor(WRITE_BACK_VENDORS).secret
            environment |= {
                f"SERVICE6_SOURCES__{WRITE_BACK_VENDORS.upper()}__WEBHOOK": json.dumps({"url": self.receiver.url}),
                f"SERVICE6_SIGNING_SECRET_{WRITE_BACK_VENDORS.upper()}": secret,
            }
        self.shown = self._running.enter_context(self.place.up(**environment))

    def stop(self) -> None:
        self._running.close()

    def kill_supervisor(self) -> None:
        self.shown.process.kill()
        self.shown.process.wait()

    def pid(self, program: str) -> int:
        """One that has just died is awaited."""
        return eventually(lambda: process(self.shown, *WORDS[program]), within_s=RESTARTED_S)

    def family(self, program: str) -> list[psutil.Process]:
        """The program and all that it has started."""
        parent = psutil.Process(self.pid(program))
        return [parent, *parent.children(recursive=True)]

    def send(self, program: str, number: signal.Signals) -> None:
        for each in self.family(program):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    @contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(embedded_servers(self.place.state_dir)["REDIS_URL"], socket_timeout=5) as client:
            yield client

    def written_back(self) -> dict[int, Shown]:
        """By lead the newest score that the receiver was told."""
        newest: dict[int, Shown] = {}
        for asked in self.receiver.asked if self.receiver else ():
            lead = asked.json["data"]
            told = Shown(lead["score"]["rev"], lead["score"]["score"], lead["score"]["tier"])
            newest[int(lead["id"])] = max(told, newest.get(int(lead["id"]), told))
        return newest

    def token(self) -> str:
        key = load(self.place.state_dir).secret_key.get_secret_value()
        hour = timedelta(hours=1)
        return tokens.mint(key, role=Role.ADMIN, sub="dashboard", owners=(), lifetime=hour, now=datetime.now(UTC))


class Fault(Protocol):
    """As in `faults`."""

    @property
    def deliveries(self) -> int: ...
    @property
    def felt(self) -> str | None: ...
    @property
    def hurt(self) -> Callable[[Stack], None]: ...
    @property
    def heal(self) -> Callable[[Stack], None]: ...


class Scene:
    """A stack, CRMs that post to it, a dashboard that watches it, and the oracle."""

    def __init__(self, stack: Stack, *, rate: float = RATE, seed: int = 1) -> None:
        self.stack = stack
        self.crm = Crm(stack.url, rate=rate, seed=seed)
        self.dashboard = Dashboard(f"127.0.0.1:{stack.place.port}", stack.token)

    def start(self) -> None:
        self.crm.start()
        self.dashboard.start()
        self.flows()

    def stop(self) -> None:
        self.crm.abort()
        self.dashboard.stop()

    def flows(self) -> float:
        """Waits until a change that is saved from now on is seen on the dashboard; how many seconds that took."""
        began, now = time.monotonic(), datetime.now(UTC)
        eventually(lambda: self.dashboard.live_at is not None and self.dashboard.live_at > now, within_s=RECOVERED_S)
        return time.monotonic() - began

    def suffer(self, fault: Fault) -> None:
        """From its beginning to its end, with deliveries that come in meanwhile."""
        before = self.crm.ledger.answers[fault.felt or ""]
        fault.hurt(self.stack)
        self.hurts_for(fault.deliveries)
        fault.heal(self.stack)
        if fault.felt:
            assert self.crm.ledger.answers[fault.felt] > before, "it did no harm"

    def hurts_for(self, deliveries: int) -> None:
        """Waits until so many more have been posted."""
        upto = self.crm.sent + deliveries
        eventually(lambda: self.crm.sent >= upto, within_s=RECOVERED_S)

    def go_on(self) -> None:
        """After `settle`: the CRMs post again."""
        self.crm.start()
        self.flows()

    def settle(self) -> None:
        """No more deliveries, and no work left."""
        self.crm.drain(DRAINED_S)

        def calm() -> bool:
            with database.connected(self.stack.place) as db:
                found = database.left(db)
            assert not any(found.values()), found
            return True

        eventually(calm, within_s=CALM_S, every_s=0.2)

    def verdict(self) -> list[str]:
        """What the oracle says once the dashboard has had the time to hear of everything."""
        with database.services(self.stack.place) as services:
            stored = database.read(self.stack.place, services.vault)
            scorer = services.scorer

        def behind() -> bool:
            shown = self.dashboard.shown
            return all(lead in shown and shown[lead].rev >= score.rev for lead, score in stored.scores.items())

        with suppress(AssertionError):  # the oracle tells in words what is missing
            eventually(behind, within_s=RECOVERED_S)
        ledger, dashboard = self.crm.ledger, self.dashboard
        evidence = Evidence(
            accepted=ledger.accepted,
            doubtful=ledger.doubtful,
            refused=ledger.refused,
            shown=dict(dashboard.shown),
            frames=dict(dashboard.frames),
            contradictions=dashboard.contradictions,
            stored=stored,
            write_back_sources=frozenset({WRITE_BACK_VENDORS} if self.stack.receiver else ()),
            written_back=self.stack.written_back(),
        )
        return oracle.verdict(evidence, scorer)


@contextmanager
def stack(*, writes_back: bool = False) -> Iterator[Stack]:
    with directory() as path, vendor_api(ok) if writes_back else nullcontext() as receiver:
        made = Stack(Place(path / "state", free_port(), free_port()), receiver)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@contextmanager
def scene(running: Stack, **how: float) -> Iterator[Scene]:
    made = Scene(running, **how)  # type: ignore[arg-type]
    try:
        made.start()
        yield made
    finally:
        made.stop()
