"""Defines every metric, in one place.

Processes share their figures through files (`PROMETHEUS_MULTIPROC_DIR`, set before Python starts), so that
one scrape of the API returns all of them.
"""

import os
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import mark_process_dead

from pipeline import metric_files

MINUTES = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 10800)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TASK_SECONDS = (*SECONDS, 60, 300, 1800)


class Metrics:
    """All metrics; make one per process, because names are registered once."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        if registry is None:
            _share()
        registry = registry or REGISTRY

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"service6_{name}", about, labels, registry=registry)

        def seconds(name: str, about: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
            return Histogram(f"service6_{name}_seconds", about, labels, buckets=buckets, registry=registry)

        self.webhooks = counter("webhooks", "Webhook requests by source and answer", "source", "answer")
        self.webhook_ignored = counter(
            "webhook_ignored", "Events acknowledged without effect, by why", "source", "reason"
        )
        self.intake_changes = counter("intake_changes", "Lead changes saved")
        self.intake_groups = counter("intake_groups", "Transactions that saved lead changes")
        self.intake_published = counter("intake_published", "Scoring messages published, by answer", "answer")
        self.http_requests = counter("http_requests", "API requests by route and status", "route", "status")
        self.http_latency = seconds("http_request", "API request duration by route", "route")

        self.uncounted = counter("budget_uncounted", "Requests let through because Redis was away, by budget", "budget")

        self.scored = counter("scored", "Scores saved by engine", "engine")
        self.score_failures = counter("score_failures", "Attempts at leads that could not be scored")
        self.task_runs = counter(
            "task_runs", "Tasks begun, by whether the message had been taken before", "task", "again"
        )
        self.task_failures = counter(
            "task_failures", "Tasks that raised, ran out of time or lost their process", "task"
        )
        self.task_seconds = seconds("task", "Duration of tasks", "task", buckets=TASK_SECONDS)
        self.task_wait_seconds = seconds(
            "task_wait", "From message enqueued to task begun", "task", buckets=TASK_SECONDS
        )
        self.dead = counter("dead_letters", "Work whose last attempt failed")
        self.requeued = counter("requeued", "Leads that upkeep enqueued again")

        self.rescored = counter("rescored", "Leads that runs looked at, by whether their score changed", "result")
        self.trainings = counter("trainings", "Attempts at trainings, by reason and outcome", "reason", "outcome")
        self.training_seconds = Histogram(
            "service6_training_seconds", "Duration of trainings", buckets=MINUTES, registry=registry
        )
        self.promotions = counter("promotions", "Models that were put in charge because they won a contest")
        self.model_drift = self._newest(registry, "model_drift", "Largest population stability index of the champion")
        self.model_off_by = self._newest(registry, "model_off_by", "Calibration error of the champion on new outcomes")
        self.model_roc_auc = self._newest(registry, "model_roc_auc", "ROC-AUC of the champion on new outcomes")

        self.calls_out = counter(
            "calls_out", "Leads sent to or fetched from a CRM, by outcome", "source", "errand", "outcome"
        )

        self.publisher_events = counter("publisher_events", "Events appended to the stream")
        self.publisher_batches = counter("publisher_batches", "Batches appended to the stream")

        self.relay_sockets = Gauge(
            "service6_relay_sockets",
            "Open sockets by role",
            ["role"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.relay_events = counter("relay_events", "Events read from the stream")
        self.relay_frames = counter("relay_frames", "Frames written to sockets")
        self.relay_bytes = counter("relay_bytes", "Bytes written to sockets")
        self.relay_conflated = counter("relay_conflated", "Events replaced by a newer one before they were sent")
        self.relay_resets = counter("relay_resets", "Subscriptions that had to fetch a snapshot")
        self.relay_slow_closes = counter("relay_slow_closes", "Sockets closed because they read too slowly")
        self.relay_delayed = counter("relay_delayed", "Messages of clients that came too soon and had to wait")
        self.relay_crowded_out = counter("relay_crowded_out", "Sockets that made room before they said who they are")
        self.relay_lag_seconds = seconds("relay_lag", "From the event's time to its frame")

    @staticmethod
    def _newest(registry: CollectorRegistry, name: str, about: str) -> Gauge:
        """A gauge whose value is that of the process that set it last."""
        return Gauge(f"service6_{name}", about, registry=registry, multiprocess_mode="mostrecent")


def _share() -> None:
    """Names this process's files by host, because containers that share the directory have the same process ids."""
    if values.ValueClass is values.MutexValue:
        return  # there is no such directory
    name = metric_files.host()

    def identity() -> str:
        return f"{name}-{os.getpid()}"

    metric_files.complete(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    # A container that restarts has the same host and process id as before, and no socket open.
    mark_process_dead(identity())  # type: ignore[no-untyped-call]
    values.ValueClass = values.MultiProcessValue(identity)  # type: ignore[no-untyped-call]
