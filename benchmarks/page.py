"""The page with 100,000 leads: ready in which time, and how smooth while it is scrolled and 50 leads change a second.

By the browser's own clocks: `ready` is when the first leads are drawn, from the moment the address was entered, with an
empty cache; long tasks (`benchmarks/long_tasks.py`) are told by the wall and by the thread's own time, because browser,
API, relay, publisher and servers share the machine.

    python -m benchmarks.page [--leads 100000] [--lighthouse node_modules/.bin/lighthouse]
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bench import bench_services, bundles, fill, process
from benchmarks.load import HOST, until_it_answers
from benchmarks.long_tasks import long, watched_tasks
from benchmarks.record import record
from pipeline.security.tokens import mint
from pipeline.services.ingest import lead_saver
from pipeline.storage.leads import lead_rows
from pipeline.storage.scores import score_writes
from pipeline.wiring import Services
from schemas.access import Role
from schemas.lead import LeadChange
from workers.supervisor.embedded_server import free_port

FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update")
WINDOW = {"width": 1440, "height": 900}
OPENINGS = 5
CHANGES_S = 50
SCROLLED_S = 20
STEP_PX = 400  # a frame: faster than anybody reads, as fast as a wheel is spun
BUNDLE = 500
ANSWER_MS = 60_000
STUCK_MS = 600_000

WATCH = """
  window.seen = { long: [], ready: 0, lcp: 0 };
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'longtask', buffered: true });
  new PerformanceObserver((list) => (seen.lcp = list.getEntries().at(-1).startTime))
    .observe({ type: 'largest-contentful-paint', buffered: true });
  new MutationObserver((_, observer) => {
    if (!document.querySelector('.lead')) return;
    observer.disconnect();
    requestAnimationFrame(() => (seen.ready = performance.now()));
  }).observe(document, { childList: true, subtree: true });
"""
SCROLL = """
  async ([seconds, step]) => {
    const began = performance.now();
    const result = { frames: 0, slowest: 0, rows: 0 };
    for (let last = began; last - began < seconds * 1000; ) {
      const now = await new Promise(requestAnimationFrame);
      result.slowest = Math.max(result.slowest, now - last);
      result.frames++;
      last = now;
      result.rows = Math.max(result.rows, document.querySelectorAll('.lead').length);
      scrollBy({ top: step, behavior: 'instant' });
    }
    return result;
  }
"""
TO_THE_END = """
  async (patience) => {
    const began = performance.now();
    while (!document.querySelector('.more').textContent.includes('that is all')) {
      if (performance.now() - began > patience) throw new Error(document.querySelector('.more').textContent);
      scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' });
      await new Promise(requestAnimationFrame);
    }
  }
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leads", type=int, default=100_000)
    arguments.add_argument("--lighthouse", type=Path)
    chosen = arguments.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or ""
    with bench_services() as services, served(services, chosen.leads) as (url, ids), sync_playwright() as playwright:
        figures: dict[str, object] = {"leads": len(ids)}
        if chosen.lighthouse:
            figures["lighthouse"] = {form: lighthouse(chosen.lighthouse, chromium, url, form) for form in FORMS}
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        figures["opened"] = opened(browser, url)
        page = watched(browser, url)
        with changes(services, ids):
            figures["scrolled"] = scrolled(browser, page)
            figures["all_leads_held"] = held(browser, page)
        browser.close()
    record("page", figures)


@contextmanager
def served(services: Services, count: int) -> Iterator[tuple[str, list[int]]]:
    ids = fill(services, count)
    for part in bundles(ids, BUNDLE):
        save_scores(services, part, owe=True)
    with services.session() as db:
        db.connection().exec_driver_sql("TRUNCATE outbox")
    port = free_port()
    with process(services, "workers.api", SERVICE6_API__PORT=str(port)), process(services, "workers.publisher"):
        asyncio.run(until_it_answers(port))
        now, hour = datetime.now(UTC), timedelta(hours=1)
        token = mint(
            services.settings.secret_key.get_secret_value(), role=Role.ADMIN, sub="bench", lifetime=hour, now=now
        )
        yield f"http://{HOST}:{port}/#token={token}", ids


def save_scores(services: Services, part: Sequence[int], *, owe: bool = False) -> None:
    champion = services.champion
    with services.session() as db:
        if owe:
            db.connection().exec_driver_sql(
                "INSERT INTO unscored (lead_id, lead_revision) SELECT id, revision FROM leads WHERE id = ANY(%s)",
                (list(part),),
            )
        rows = champion.scorer.score(lead_rows.waiting(db, part), datetime.now(UTC))
        score_writes.save(db, rows, model_id=champion.model_id, reason="benchmark")


@contextmanager
def changes(services: Services, ids: Sequence[int]) -> Iterator[None]:
    """That many leads change a second, each to a score of its own."""
    ended = threading.Event()
    chance = Random(6)
    saver = lead_saver(services)

    def change() -> None:
        count = CHANGES_S // 10
        due = time.monotonic()
        while not ended.is_set():
            now = datetime.now(UTC)
            told = [
                LeadChange("bench", f"lead-{number}", f"{now.timestamp()}-{number}", now, attributes(chance), {})
                for number in chance.sample(range(1, len(ids) + 1), count)
            ]
            with services.session() as db:
                part = saver.save(db, told, now)
            save_scores(services, part)
            due += count / CHANGES_S
            ended.wait(max(0.0, due - time.monotonic()))

    changing = threading.Thread(target=change)
    changing.start()
    try:
        yield
    finally:
        ended.set()
        changing.join()


def attributes(chance: Random) -> dict[str, Any]:
    return {"budget": chance.randrange(600_000), "visits": chance.randrange(20), "meetings": chance.randrange(4)}


def watched(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport=WINDOW).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(ANSWER_MS)
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_selector(".lead")
    page.get_by_role("status").get_by_text("Live").wait_for()
    return page


def opened(browser: Browser, url: str) -> dict[str, object]:
    found = []
    for _ in range(OPENINGS):
        page = watched(browser, url)
        page.wait_for_timeout(1000)
        requests = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.transferSize)")
        found.append({**page.evaluate("seen"), "requests": len(requests), "kib": sum(requests) / 1024})
        page.context.close()
    return {
        "ready_ms": round(statistics.median(each["ready"] for each in found)),
        "slowest_ready_ms": round(max(each["ready"] for each in found)),
        "largest_paint_ms": round(statistics.median(each["lcp"] for each in found)),
        "requests": found[0]["requests"],
        "transferred_kib": round(found[0]["kib"]),
        "long_tasks_wall": [long(each["long"]) for each in found],
    }


def scrolled(browser: Browser, page: Page) -> dict[str, object]:
    """Down, while pages are read, and up again."""
    with watched_tasks(browser, page) as tasks:
        ways = [page.evaluate(SCROLL, [SCROLLED_S / 2, step]) for step in (STEP_PX, -STEP_PX)]
    return {
        "seconds": SCROLLED_S,
        "changes_s": CHANGES_S,
        "frames_s": round(sum(way["frames"] for way in ways) / SCROLLED_S, 1),
        "slowest_frame_ms": round(max(way["slowest"] for way in ways)),
        "rows_drawn": max(way["rows"] for way in ways),
        **tasks,
    }


def held(browser: Browser, page: Page) -> dict[str, object]:
    """Every lead read, as fast as the API gives them, and then scrolled through as before."""
    began = time.perf_counter()
    with watched_tasks(browser, page) as reading:
        page.evaluate(TO_THE_END, STUCK_MS)
        read_s = time.perf_counter() - began
    return {
        "read_s": round(read_s, 1),
        "reading": reading,
        "told": page.locator(".more").inner_text(),
        **scrolled(browser, page),
        "heap_mib": round(page.evaluate("performance.memory.usedJSHeapSize") / 2**20),
    }


FORMS = {"mobile": (), "desktop": ("--preset=desktop",)}


def lighthouse(command: Path, chromium: str, url: str, form: str) -> dict[str, object]:
    arguments = [
        str(command), url, "--quiet", "--output=json", "--only-categories=performance,accessibility,best-practices",
        f"--chrome-flags=--headless=new {' '.join(FLAGS)}", *FORMS[form],
    ]  # fmt: skip
    environment = {**os.environ, "CHROME_PATH": chromium}
    report = json.loads(subprocess.check_output(arguments, env=environment, stderr=subprocess.DEVNULL))
    return {
        "version": report["lighthouseVersion"],
        **{name: round(100 * category["score"]) for name, category in report["categories"].items()},
    }


if __name__ == "__main__":
    main()
