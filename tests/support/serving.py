"""The project's own processes on a test's servers, and a CRM that signs what it sends them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import kombu.pools
from prometheus_client import CollectorRegistry
from standardwebhooks.webhooks import Webhook

from pipeline.metrics import Metrics
from pipeline.security import tokens
from pipeline.settings.loader import Settings, load
from pipeline.wiring import Services
from schemas.access import Role
from tasks import app as tasks_app
from tests.support.processes import ROOT
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import HOST, free_port
from workers.supervisor.process_table import WORKER
from workers.supervisor.program import Program, ProgramRun

_numbers = count(1)


def furnish(state_dir: Path, database: str, redis: str) -> Settings:
    """Settings of a state directory with these servers, a secret key and an open source."""
    written = {
        "servers.json": json.dumps({"DATABASE_URL": database, "REDIS_URL": redis}),
        "secret-key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "webhook-secret-standard": "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
    }
    for name, content in written.items():
        (state_dir / name).write_text(content, encoding="utf-8")
    return load(state_dir)


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Services with metrics of their own, closed in the end."""
    made = Services(settings, Metrics(CollectorRegistry()), send=tasks_app.send)
    try:
        yield made
    finally:
        made.close()
        _forget_broker()  # A command that ran in this process may have enqueued.


@contextmanager
def in_this_process(made: Services) -> Iterator[None]:
    """Tasks can be called here, and enqueued from here."""
    tasks_app.connect(made.settings)
    tasks_app.serve(made)
    try:
        yield
    finally:
        _forget_broker()


def _forget_broker() -> None:
    """The app would keep connections to the broker that it met first."""
    kombu.pools.reset()
    tasks_app.app._after_fork()


@contextmanager
def process(name: str, argv: Sequence[str], settings: Settings, **environment: str) -> Iterator[ProgramRun]:
    """Its log is `<name>.log` in the state directory; it ends with the context."""
    given = {**os.environ, "SERVICE6_STATE_DIR": str(settings.state_dir), **environment}
    program = Program(
        name=name,
        argv=(sys.executable, "-m", *argv),
        log=log_of(settings, name),
        environment=given,
        directory=ROOT,
    )
    run = program.spawn()
    try:
        yield run
    finally:
        run.stop()
        run.kill()


def log_of(settings: Settings, name: str) -> Path:
    return settings.state_dir / f"{name}.log"


class Api:
    """A running API and the tokens and signatures that it takes."""

    def __init__(self, settings: Settings, run: ProgramRun, url: str) -> None:
        self.settings = settings
        self.run = run
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=20)

    def get(self, path: str, role: Role = Role.ADMIN, owners: Sequence[str] = (), **query: object) -> httpx2.Response:
        return self.http.get(path, params=query, headers=self.bearer(role, owners))  # type: ignore[arg-type]

    def post(self, path: str, body: object, role: Role = Role.ADMIN) -> httpx2.Response:
        return self.http.post(path, json=body, headers=self.bearer(role))

    def bearer(self, role: Role = Role.ADMIN, owners: Sequence[str] = ()) -> dict[str, str]:
        key = self.settings.secret_key.get_secret_value()
        hour = timedelta(hours=1)
        token = tokens.mint(key, role=role, sub="test", owners=owners, lifetime=hour, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}

    def send(self, body: bytes, source: str = "standard", **changed: str) -> httpx2.Response:
        return self.http.post(f"/webhooks/{source}", content=body, headers={**self.signed(body), **changed})

    def tell(self, lead: str | int, **attributes: Any) -> httpx2.Response:
        return self.send(delivery(lead, **attributes))

    def signed(self, body: bytes, *, at: datetime | None = None, delivery_id: str | None = None) -> dict[str, str]:
        return signed(self.settings, body, at=at, delivery_id=delivery_id)

    def webhooks(self) -> Mapping[tuple[str, str], float]:
        """How many webhooks were answered, by source and status."""
        found = {}
        for line in self.get("/metrics").text.splitlines():
            if line.startswith("service6_webhooks_total{"):
                labels, _, value = line.removeprefix("service6_webhooks_total{").rpartition("} ")
                told = dict(label.split("=") for label in labels.replace('"', "").split(","))
                found[told["source"], told["answer"]] = float(value)
        return found


def delivery(lead: str | int, *, at: datetime | None = None, **attributes: Any) -> bytes:
    timestamp = (at or datetime.now(UTC)).isoformat()
    return json.dumps({"type": "lead.updated", "timestamp": timestamp, "data": {"id": lead, **attributes}}).encode()


def signed(
    settings: Settings, body: bytes, *, at: datetime | None = None, delivery_id: str | None = None
) -> dict[str, str]:
    delivery_id = delivery_id or f"msg_{next(_numbers)}"
    at = at or datetime.now(UTC)
    webhook = Webhook(settings.webhook_secrets["standard"][0].get_secret_value())
    signature = webhook.sign(delivery_id, at, body.decode(errors="replace"))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


@contextmanager
def api(settings: Settings, name: str = "api", **environment: str) -> Iterator[Api]:
    port = free_port()
    with process(name, ("workers.api",), settings, SERVICE6_API__PORT=str(port), **environment) as run:
        served = Api(settings, run, f"http://{HOST}:{port}")
        try:
            eventually(lambda: run.alive and _answers(served), within_s=30)
            yield served
        finally:
            served.http.close()


def _answers(served: Api) -> bool:
    try:
        return served.http.get("/health/live").is_success
    except httpx2.TransportError:
        return False


@contextmanager
def worker(
    settings: Settings, queues: str = "scoring,upkeep", name: str = "worker", **environment: str
) -> Iterator[ProgramRun]:
    quiet = ("--without-gossip", "--without-mingle", "--disable-prefetch")
    argv = (*WORKER[2:], "-Q", queues, "-n", f"{name}@%h", "-c", "1", *quiet)
    with process(name, argv, settings, **environment) as run:
        yield run
