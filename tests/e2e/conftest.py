"""The real stack, and a real browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

import httpx2
import orjson
import psutil
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright
from redis import Redis
from standardwebhooks.webhooks import Webhook

from pipeline.settings.loader import load
from tests.e2e.sight import DESKTOP, PATIENCE_MS
from tests.support.directories import directory
from tests.support.processes import ROOT, Terminal, terminal

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
)
STOP_S = 40


@dataclass(frozen=True)
class Stack:
    """`service6 up`, as it runs."""

    shown: Terminal
    state_dir: Path
    url: str

    @cache  # noqa: B019 - it lives as long as its file's tests
    def link(self, role: str, *more: str) -> str:
        """A link that signs in; `more` are options of `service6 token`."""
        return self.command("token", "--role", role, "--link", *more).strip()

    def tell(self, lead: str, **attributes: object) -> None:
        """A vendor's webhook of that lead."""
        now = datetime.now(UTC)
        delivery = f"msg_{uuid4().hex}"
        told = {"type": "lead.updated", "timestamp": now.isoformat(), "data": {"id": lead, **attributes}}
        body = orjson.dumps(told).decode()
        signed = Webhook((self.state_dir / "webhook-secret-standard").read_text(encoding="utf-8").strip()).sign(
            delivery, now, body
        )
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed,
        }
        answer = httpx2.post(f"{self.url}/webhooks/standard", content=body, headers=headers)
        assert answer.status_code == 202, answer.text

    def bring(self, csv: str, *more: str) -> None:
        """Leads of a file with a column `id`, and their scores; `more` are options of `service6 import leads`."""
        file = self.state_dir / "leads.csv"
        file.write_text(csv, encoding="utf-8")
        self.command("import", "leads", str(file), "--source", "file", "--id", "id", *more)

    def command(self, *arguments: str) -> str:
        """What `service6` says to that."""
        command = _cli(self.state_dir, *arguments)
        return subprocess.run(
            command, cwd=ROOT, env=_environment(), check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout

    def lose_feed(self) -> None:
        """As if Redis had lost all it held; what is not published yet is published anew."""
        with Redis.from_url(load(self.state_dir).redis_url) as client:
            client.flushdb()

    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/live", timeout=1).is_success
        except httpx2.TransportError:
            return False

    @property
    def api(self) -> psutil.Process:
        """The process behind the page, as it is now."""
        family = psutil.Process(self.shown.process.pid).children(recursive=True)
        return next(process for process in family if "workers.api" in process.cmdline())


class Wire:
    """Between the relay and a page: what came over it, and what of it is let through."""

    def __init__(self, page: Page) -> None:
        self.changes: list[str] = []
        self.cut = False
        page.route_web_socket(re.compile("/dashboard/real-time"), self._join)

    def _join(self, page_side: WebSocketRoute) -> None:
        self.page_side = page_side
        self._relay_side = page_side.connect_to_server()
        self._relay_side.on_message(self._forward)
        page_side.on_message(self._relay_side.send)

    def _forward(self, message: str) -> None:
        if '"t":"changes"' in message:
            self.changes.append(message)
            if self.cut:
                return
        self.page_side.send(message)

    def carried(self, text: str) -> str:
        return next((message for message in self.changes if text in message), "")


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing = f"no browser: none of {', '.join(BROWSERS)} is on the PATH"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def stack(chromium: str) -> Iterator[Stack]:  # without a browser nobody would look at it
    with directory() as state_dir:
        port, flower_port = _free_ports(2)
        command = _cli(state_dir, "up", "--port", str(port), "--flower-port", str(flower_port))
        with terminal(command, _environment()) as shown:
            shown.shows("#token=", within_s=60)
            yield Stack(shown, state_dir, f"http://127.0.0.1:{port}")
            shown.process.terminate()
            shown.process.wait(STOP_S)


# Not for the session: while Playwright runs, no other test of this thread could start an event loop.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        launched.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens an address in a context of its own; whatever breaks the page's policy or its code fails the test."""
    wrong: list[str] = []
    with ExitStack() as contexts:

        def open_(address: str, **options: object) -> Page:
            context = browser.new_context(**{"viewport": DESKTOP, **options})
            contexts.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
            page.goto(address)
            return page

        yield open_
    assert wrong == []


def _free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.socket())) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _cli(state_dir: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments, "--state-dir", str(state_dir)]


def _environment() -> dict[str, str]:
    """Without what would point the stack at servers of somebody else."""
    foreign = ("DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in foreign and not name.startswith(("SERVICE6_", "PROMETHEUS_"))
    }
