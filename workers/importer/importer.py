"""Imports leads from a CSV file: reads it twice as a stream, and saves groups in other processes.

The first reading finds faults of the whole file before anything is saved, and the leads that several rows speak of:
their rows are kept and saved together, or the same file would change such a lead to and fro each time.
"""

import gc
import os
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from pipeline.errors import GiveUp, Service6Error, TryAgain
from pipeline.importing.csv_file import CsvFile, Record
from pipeline.importing.csv_rows import Layout, Rows
from pipeline.leads.attribute_history import note
from pipeline.leads.values.column_style import StyleEvidence
from pipeline.leads.values.reader import Doubt
from pipeline.services import attribute_histories
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from tasks import app as tasks_app
from workers.command_services import command_services
from workers.importer.import_group import Saved
from workers.importer.rejects import Rejects
from workers.importer.saver_processes import Import, SaverProcesses

GROUP = 5000  # rows a transaction
REPEATED_LIMIT = 50_000  # rows of leads with several rows, held in memory
PROCESSES = max(2, min(4, os.cpu_count() or 2))
QUEUED = 2 * PROCESSES  # groups on their way
PROCESS_BYTES = 1 << 20  # of the file, from which on another process is worth its start


@dataclass
class Counts:
    """Rows read, rejected and `merged` (with an earlier row of their lead); leads new, changed and unchanged.

    `doubts`: by attribute, how many of its values may not be what was meant, by reason.
    """

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    rejected: int = 0
    doubts: dict[str, dict[str, int]] = field(default_factory=dict)


class Importer:
    """An import: a context in which to call `survey`, then `run`.

    Raises Misconfigured for a column that the file lacks, GiveUp for a file that is no CSV, TryAgain if PostgreSQL
    goes away or a process is killed; what was saved until then stays, and another run goes on from there.
    """

    def __init__(self, services: Services, path: Path, *, source: str, layout: Layout) -> None:
        self.layout = layout
        self._services = services
        self._source = source
        now = datetime.now(UTC)
        # Delivery ids rise, so that a later import wins where both describe the same moment.
        run = f"import-{int(now.timestamp() * 1000):x}"
        settings, source_map = services.settings, services.source_map(source)
        with ExitStack() as opening:
            self.file = opening.enter_context(closing(CsvFile(path)))
            self._rejects = Rejects(self.file)
            columns, separator = self.file.columns, self.file.separator
            self.rows = Rows(columns, layout, source_map, settings.intake, run=run, now=now, separator=separator)
            # Started here, so that they load what they need while the file is surveyed.
            work = Import(settings, columns, source, layout, run, now)
            count = min(PROCESSES, 1 + self.file.size // PROCESS_BYTES)
            self._savers = opening.enter_context(SaverProcesses(work, count))
            self._open = opening.pop_all()
        self._repeated: frozenset[int] = frozenset()
        self._counts = Counts()
        self.enqueued = True  # False once Redis was away: then upkeep enqueues

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def rejects(self) -> Path:
        return self._rejects.path

    def kept(self) -> str:
        """What an import that ended early has saved, and how to go on."""
        counts = self._counts
        rows = counts.new + counts.changed + counts.unchanged + counts.merged
        return f"{rows:,} rows are saved, and the same command goes on from there"

    def survey(self) -> int:
        """Reads the whole file without saving, and returns the number of its rows. Holds 8 bytes per row."""
        numbers = array("q")
        rows = 0
        with _without_collector():
            for record in self.file.records():
                rows += 1
                number = self.rows.learn(record)
                if number is not None:
                    numbers.append(number)
        self.rows.check()
        ordered = np.sort(np.frombuffer(numbers, np.int64)) if numbers else np.empty(0, np.int64)
        self._repeated = frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
        return rows

    def run(self, step: Callable[[int], None]) -> Counts:
        """Saves all rows; calls `step` with how many more rows were saved or rejected."""
        saving: deque[Future[Saved]] = deque()
        self._savers.begin(self.rows.readings, self.rows.ids)
        with self._rejects, _without_collector():
            try:
                for group in self._groups():
                    self._counts.read += len(group)
                    saving.append(self._savers.submit(orjson.dumps([tuple(record) for record in group])))
                    if len(saving) > QUEUED:
                        step(self._await_oldest(saving))
                while saving:
                    step(self._await_oldest(saving))
                self._rejects.close()
            except KeyboardInterrupt:
                self._count_finished(saving)
                raise
            except (Service6Error, OSError, MemoryError) as error:
                self._count_finished(saving)
                raise self._ended_early(error) from error
            finally:
                self._savers.finish()
        self._note_history()
        return self._counts

    def _note_history(self) -> None:
        """Saves what the file has shown of its source's values, for webhooks of the same source to be read by."""
        nothing = StyleEvidence()
        doubts = [
            note(attribute, nothing, Doubt(doubt), values)
            for attribute, by_doubt in self._counts.doubts.items()
            for doubt, values in by_doubt.items()
        ]
        with self._services.session() as db:
            attribute_histories.add(db, self._source, [*self.rows.evidence(), *doubts])

    def _await_oldest(self, saving: deque[Future[Saved]]) -> int:
        saved = saving[0].result()  # it stays there while it is waited for: a Ctrl-C must not lose its count
        saving.popleft()
        return self._count(saved)

    def _count_finished(self, saving: Iterable[Future[Saved]]) -> None:
        self._savers.finish()
        for group in saving:
            if not group.cancelled() and group.exception() is None:
                with suppress(GiveUp):  # the rejected rows of a group cannot be written, but its leads are saved
                    self._count(group.result())

    def _ended_early(self, error: Exception) -> Service6Error:
        """The error with the number of rows that this run has saved."""
        reason = f"{type(error).__name__} {error.strerror}" if isinstance(error, OSError) else str(error)
        message = f"{reason or type(error).__name__}; {self.kept()}"
        return GiveUp(message) if isinstance(error, GiveUp) else TryAgain(message)

    def _groups(self) -> Iterator[Sequence[Record]]:
        group: list[Record] = []
        together: defaultdict[int, list[Record]] = defaultdict(list)
        held_rows = 0
        for record in self.file.records():
            number = self.rows.lead_number(record)
            if number is not None and number in self._repeated:
                together[number].append(record)
                held_rows += 1
            else:
                group.append(record)
            if len(group) >= GROUP:
                yield group
                group = []
            if held_rows >= REPEATED_LIMIT:
                yield from _cut(together)
                together.clear()
                held_rows = 0
        if group:
            yield group
        yield from _cut(together)

    def _count(self, saved: Saved) -> int:
        counts = self._counts
        counts.new += saved.new
        counts.changed += saved.changed
        counts.unchanged += saved.unchanged
        counts.merged += saved.merged
        counts.rejected += len(saved.rejected)
        for (attribute, doubt), values in saved.doubts:
            of_attribute = counts.doubts.setdefault(attribute, {})
            of_attribute[doubt] = of_attribute.get(doubt, 0) + values
        for record, reason in saved.rejected:
            self._rejects.add(record, reason)
        self.enqueued = self.enqueued and saved.enqueued
        return saved.new + saved.changed + saved.unchanged + saved.merged + len(saved.rejected)


@contextmanager
def open_file(settings: Settings, path: Path, *, source: str, layout: Layout) -> Iterator[Importer]:
    tasks_app.connect(settings)
    with command_services(settings) as services, Importer(services, path, source=source, layout=layout) as work:
        yield work


def _cut(together: dict[int, list[Record]]) -> Iterator[Sequence[Record]]:
    """Groups of about the usual size that keep all rows of a lead together."""
    group: list[Record] = []
    for records in together.values():
        group += records
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disables garbage collection: of millions of rows none is in a cycle, and the search takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
