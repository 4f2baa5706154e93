"""Leads from a CSV file: read twice as a stream, saved in groups, each in one transaction.

The first reading finds faults of the whole file before anything is saved, and the leads that several rows speak of:
their rows are kept and saved together, or the same file would change such a lead to and fro each time.
"""

import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.errors import GiveUp, TryAgain
from pipeline.merging import Lead
from pipeline.settings import Settings
from pipeline.storage import importing
from pipeline.wiring import Services
from schemas.lead import LeadChange
from tasks import app as tasks_app
from workers.bundles import enqueue_bundles
from workers.csv_file import CsvFile, Record
from workers.csv_rows import Layout, Rows
from workers.errand import errand
from workers.rejects import Rejects
from workers.saving import as_row, make_saver

GROUP = 2500  # leads a transaction
REPEATED_LIMIT = 50_000  # rows of leads with several rows, held in memory
ATTEMPTS = 5  # of a group that another transaction disturbed, or while PostgreSQL is away
PAUSE_S = 0.5


@dataclass
class Counts:
    """Rows read, rejected and `merged` (with an earlier row of their lead); leads new, changed and unchanged."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    rejected: int = 0


class Row(NamedTuple):
    record: Record
    change: LeadChange


Group = Sequence[Sequence[Row]]  # the rows of each lead, in the order of the file


class Saved(NamedTuple):
    new: int
    changed: int
    unchanged: int
    rejected: list[tuple[Record, str]]

    def and_then(self, after: "Saved") -> "Saved":
        return Saved(
            self.new + after.new,
            self.changed + after.changed,
            self.unchanged + after.unchanged,
            self.rejected + after.rejected,
        )


class Importer:
    """Call `survey`, then `run`. Raises Misconfigured for a column that the file lacks, GiveUp for a file that is no
    CSV, TryAgain if PostgreSQL goes away; what was saved until then stays, and another run goes on from there.
    """

    def __init__(self, own: Services, path: Path, *, source: str, layout: Layout) -> None:
        self._own = own
        self._saver = make_saver(own)
        self._file = CsvFile(path)
        self._rejects = Rejects(self._file)
        self._started = datetime.now(UTC)
        self._rows = Rows(
            self._file.columns,
            layout,
            own.source_map(source),
            own.settings.intake,
            run=f"import-{int(self._started.timestamp() * 1000):x}",
            now=self._started,
        )
        self._repeated: frozenset[int] = frozenset()
        self._counts = Counts()
        self.enqueued = True  # False once Redis was away: then upkeep enqueues

    @property
    def rejects(self) -> Path:
        return self._rejects.path

    def survey(self) -> int:
        """Reads the whole file and saves nothing; the number of its rows. Holds 8 bytes a row."""
        numbers = array("q")
        rows = 0
        for record in self._file.records():
            rows += 1
            number = self._rows.learn(record)
            if number is not None:
                numbers.append(number)
        ordered = np.sort(np.frombuffer(numbers, np.int64)) if numbers else np.empty(0, np.int64)
        self._repeated = frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
        return rows

    def run(self, step: Callable[[int], None]) -> Counts:
        """`step` is told how many more rows were read. While one group is saved, the next is read."""
        with self._rejects, ThreadPoolExecutor(1, thread_name_prefix="import") as thread:
            saving: Future[Saved] | None = None
            for group in self._groups(step):
                self._count(saving)
                saving = thread.submit(self._save, group)
            self._count(saving)
        return self._counts

    def _groups(self, step: Callable[[int], None]) -> Iterator[Group]:
        alone: list[list[Row]] = []
        together: defaultdict[str, list[Row]] = defaultdict(list)
        kept = 0
        for record in self._file.records():
            self._counts.read += 1
            step(1)
            try:
                row = Row(record, self._rows.change(record))
            except GiveUp as error:
                self._reject(record, str(error))
                continue
            if self._rows.lead_number(record) in self._repeated:
                self._counts.merged += row.change.external_id in together
                together[row.change.external_id].append(row)
                kept += 1
            else:
                alone.append([row])
            if len(alone) >= GROUP:
                yield alone
                alone = []
            if kept >= REPEATED_LIMIT:
                yield from _cut(together)
                together.clear()
                kept = 0
        yield alone
        yield from _cut(together)

    def _save(self, group: Group) -> Saved:
        """Cut in two where values are refused, until the row is found; it alone is rejected."""
        try:
            return self._insist(group)
        except GiveUp as error:
            if len(group) == 1:
                return Saved(0, 0, 0, [(row.record, str(error)) for row in group[0]])
        middle = len(group) // 2
        return self._save(group[:middle]).and_then(self._save(group[middle:]))

    def _insist(self, group: Group) -> Saved:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._commit(group)
            except TryAgain:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable")

    def _commit(self, group: Group) -> Saved:
        received_at = datetime.now(UTC)
        told = {(lead.source, lead.external_id): lead for lead in (_told(same, received_at) for same in group)}
        with self._own.session() as db:
            rows = [as_row(lead) for lead in told.values()]
            ids = importing.insert_unknown(db, rows, received_at=received_at, due=self._saver.due(received_at))
            for key, lead_id in ids.items():
                told[key].id = lead_id
            importing.insert_contacts(db, self._saver.sealed([told[key] for key in ids]))
            rest = [row.change for same in group for row in same if _key(row.change) not in ids]
            known = self._saver.known(db, rest)
            news = [
                known[key].news(change, told[key])
                for key, change in ((_key(change), change) for change in rest)
                if not known[key].says(told[key])
            ]
            changed = self._saver.merge(db, news, received_at)
        if not enqueue_bundles([*ids.values(), *changed], self._own.settings.intake.message_leads):
            self.enqueued = False
        return Saved(len(ids), len(changed), len(told) - len(ids) - len(changed), [])

    def _count(self, saving: Future[Saved] | None) -> None:
        if saving is None:
            return
        saved = saving.result()
        self._counts.new += saved.new
        self._counts.changed += saved.changed
        self._counts.unchanged += saved.unchanged
        for record, reason in saved.rejected:
            self._reject(record, reason)

    def _reject(self, record: Record, reason: str) -> None:
        self._counts.rejected += 1
        self._rejects.add(record, reason)


@contextmanager
def open_file(settings: Settings, path: Path, *, source: str, layout: Layout) -> Iterator[Importer]:
    tasks_app.connect(settings)
    with errand(settings) as own:
        yield Importer(own, path, source=source, layout=layout)


def summary(counts: Counts, work: Importer) -> str:
    lines = [f"{name:<10}{number:>12,}" for name, number in asdict(counts).items() if number or name != "merged"]
    if counts.rejected:
        lines.append(f"The rejected rows and why: {work.rejects}")
    if not work.enqueued:
        lines.append("Redis is away; the leads are safe, and upkeep will have them scored.")
    return "\n".join(lines)


def _told(rows: Sequence[Row], received_at: datetime) -> Lead:
    """The lead as all its rows together tell it."""
    first = rows[0].change
    lead = Lead(first.source, first.external_id, revision=1)
    for row in rows:
        lead.fold(row.change, received_at)
    return lead


def _key(change: LeadChange) -> tuple[str, str]:
    return change.source, change.external_id


def _cut(together: dict[str, list[Row]]) -> Iterator[Group]:
    leads = list(together.values())
    for start in range(0, len(leads), GROUP):
        yield leads[start : start + GROUP]
