"""Ends a process in time after a stop signal, even if it waits for a server: nothing is lost when it is killed.

A server that hangs (stopped, not dead) holds whoever waits for its answer, sometimes in C, where no handler runs.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import billiard

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_within(seconds: float) -> None:
    """Starts the watch, from the main thread; the time runs from the first signal that Python handles.

    Not for a process that forks, because its children would report their signals here.
    """
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)

    def wait() -> None:
        while True:
            if os.read(wakeup_read, 1)[0] in STOP_SIGNALS:
                begin(seconds)

    threading.Thread(target=wait, name="deadline", daemon=True).start()


def begin(seconds: float, last: Callable[[], None] = lambda: None) -> None:
    """Ends the process after that time, whatever it does; calls `last` before."""

    def end() -> None:
        try:
            last()
        finally:
            os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def kill_children() -> None:
    for child in billiard.active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
