"""Long tasks of a page's main thread, by the clock on the wall and by the time that the thread itself ran.

A long task is one over 50 ms. On the wall it is what a reader feels; but where browser and servers share the cores, it
holds what other processes took meanwhile. The thread's own time is what the page's work costs.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

LONG_MS = 50
CATEGORIES = ["toplevel"]  # each task, and nothing that would slow it down
TASK = "ThreadControllerImpl::RunTask"
Event = dict[str, Any]


@contextmanager
def watched_tasks(browser: Browser, page: Page) -> Iterator[dict[str, object]]:
    """Fills in what it yields when it ends."""
    figures: dict[str, object] = {}
    browser.start_tracing(page=page, categories=CATEGORIES)
    try:
        yield figures
    finally:
        trace = json.loads(browser.stop_tracing())["traceEvents"]
    tasks = main_thread_tasks(trace)
    figures["long_tasks_wall"] = long([task["dur"] / 1000 for task in tasks])
    figures["long_tasks_thread"] = long([task["tdur"] / 1000 for task in tasks])


def main_thread_tasks(trace: Sequence[Event]) -> list[Event]:
    """Those of the busiest page there was: the one that was watched."""
    mains = {
        (e["pid"], e["tid"]) for e in trace if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    threads: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in trace:
        if event["name"] == TASK and "tdur" in event:
            threads[event["pid"], event["tid"]].append(event)
    return max((threads[main] for main in mains), key=lambda tasks: sum(task["tdur"] for task in tasks))


def long(durations: Sequence[float]) -> dict[str, object]:
    return {"over_50_ms": sum(each > LONG_MS for each in durations), "longest_ms": round(max(durations, default=0))}
