"""The metrics of all processes in Prometheus's text format."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from pipeline import metric_files


class Figures(Collector):
    """The metrics in these files, added up."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [str(file) for file in files]

    def collect(self) -> Iterable[Metric]:
        merged: Iterable[Metric] = MultiProcessCollector.merge(self._files)  # type: ignore[no-untyped-call]
        return merged


def exposition(metrics_dir: Path | None) -> bytes:
    """The metrics of all processes that share the directory, or of this process only if there is none."""
    if metrics_dir is None:
        return bytes(generate_latest(REGISTRY))
    with metric_files.whole(metrics_dir) as files:
        registry = CollectorRegistry()
        registry.register(Figures(files))
        return bytes(generate_latest(registry))
