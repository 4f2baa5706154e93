"""Enqueues leads for scoring: off the request path, many leads per message, without retries."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

from pipeline.metrics import Metrics
from pipeline.task_calls import score_leads
from tasks.app import deliver

logger = logging.getLogger(__name__)

HELD = 200_000  # lead ids that wait for a message; upkeep finds those beyond
PAUSE_S = 1.0  # after a failure


class Enqueuer:
    """Enqueues in its own thread. The first lead after a pause is sent at once; under load, one message leaves every
    `linger_s`, because a worker manages a few hundred messages a second whatever they carry.
    """

    def __init__(self, *, linger_s: float, message_leads: int, metrics: Metrics) -> None:
        self._linger_s = linger_s
        self._message_leads = message_leads
        self._metrics = metrics
        self._held: deque[int] = deque(maxlen=HELD)
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="enqueuer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Sends what is held, and ends the thread."""
        self._stopped = True
        self._wake.set()
        self._thread.join(timeout=5)

    def add(self, lead_ids: Sequence[int]) -> None:
        self._held.extend(lead_ids)
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped or self._held:
            self._wake.wait()
            self._wake.clear()
            while self._held:
                sent_at = time.monotonic()
                self._send()
                time.sleep(max(0.0, self._linger_s - (time.monotonic() - sent_at)))

    def _send(self) -> None:
        ids = [self._held.popleft() for _ in range(min(self._message_leads, len(self._held)))]
        try:
            deliver(score_leads(ids))
        except Exception as error:  # whatever it is, the thread must live
            # The rows are safe and upkeep will enqueue them; a queue of hints in memory would help nobody.
            details = {"leads": len(ids) + len(self._held), "error": type(error).__name__}
            logger.warning("Redis takes no message; upkeep will enqueue", extra=details)
            self._metrics.intake_published.labels("failed").inc()
            self._held.clear()
            time.sleep(PAUSE_S)
        else:
            self._metrics.intake_published.labels("sent").inc()
