"""Processes that save an import's groups beside the one that reads the file.

They are spawned, not forked: the process that reads may hold threads (numpy's are there as soon as it is imported) and
open connections, and a lock that another thread held at the moment of a fork stays locked in the copy for ever. A fork
would also inherit the pipes of those before it, so that none would notice that its parent is gone.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self

import orjson

from pipeline.errors import GiveUp, Service6Error, TryAgain
from pipeline.importing.column_cells import ColumnReading
from pipeline.importing.csv_file import Record
from pipeline.importing.csv_ids import IdColumn
from pipeline.importing.csv_rows import Layout, Rows
from pipeline.settings.loader import Settings
from tasks import app as tasks_app
from workers.command_services import command_services
from workers.importer.import_group import GroupSaver, Saved

END_S = 10.0  # for one that is asked to end; it is killed then


class Import(NamedTuple):
    """The parameters of an import for its processes. Its delivery ids begin with `run`."""

    settings: Settings
    columns: Sequence[str]
    source: str
    layout: Layout
    run: str
    now: datetime


class Failure(NamedTuple):
    """An error for the reading process; an exception would have to be picklable."""

    reason: str
    may_pass: bool


class Saver(NamedTuple):
    process: multiprocessing.process.BaseProcess
    pipe: Connection


class SaverProcesses:
    """Processes that start at once and end with the context. Raises TryAgain for a process that was killed."""

    def __init__(self, work: Import, count: int) -> None:
        self._work = work
        self._savers = _started(count)
        # A thread for each: it hands over a group and waits for the answer.
        self._threads = ThreadPoolExecutor(count)
        self._idle: SimpleQueue[Saver | None] = SimpleQueue()

    def begin(self, readings: Sequence[ColumnReading], ids: Sequence[IdColumn]) -> None:
        """Sends the parameters, once the whole file has shown how its columns are written."""
        for saver in self._savers:
            with suppress(OSError):  # a dead process is reported with its first group
                saver.pipe.send((self._work, readings, ids))
            self._idle.put(saver)

    def submit(self, group: bytes) -> Future[Saved]:
        """Saves a group in a free process. `group`: records as JSON, four times as fast as pickle."""
        try:
            return self._threads.submit(self._exchange, group)
        except RuntimeError:  # how Python says that the system gives it no thread
            raise TryAgain("the system lets this import start no thread") from None

    def finish(self) -> None:
        """Waits for the groups that are being saved, and drops those that are not begun."""
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()
        for saver in self._savers:
            saver.pipe.close()
        for saver in self._savers:
            saver.process.join(END_S)
            saver.process.kill()
            saver.process.join()

    def _exchange(self, group: bytes) -> Saved:
        saver = self._idle.get()
        if saver is None:
            self._idle.put(None)  # for whoever waits next
            raise TryAgain("another process of this import was killed")
        try:
            saver.pipe.send_bytes(group)
            answer = saver.pipe.recv()
        except (EOFError, OSError):
            self._idle.put(None)
            raise TryAgain(f"a process of this import {_how_it_ended(saver.process)}") from None
        self._idle.put(saver)
        if isinstance(answer, Failure):
            raise (TryAgain if answer.may_pass else GiveUp)(answer.reason)
        saved: Saved = answer
        return saved


def _started(count: int) -> list[Saver]:
    """Starts as many as the system lets us, at least one; raises TryAgain if there is none."""
    savers: list[Saver] = []
    try:
        while len(savers) < count:
            savers.append(_spawned())
    except OSError as error:  # too many processes or open files, or no memory
        if not savers:
            raise TryAgain(f"a process of this import cannot be started ({error.strerror})") from None
    return savers


def _spawned() -> Saver:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    resource_tracker.ensure_running()  # now: as a part of `start` it would take the mask away
    # A Ctrl-C goes to all of the terminal's processes. It is for the one that reads; a new process inherits the mask.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    theirs.close()  # or its end would not be noticed
    return Saver(process, ours)


def _how_it_ended(process: multiprocessing.process.BaseProcess) -> str:
    process.join(END_S)
    status = process.exitcode
    if status is None or status >= 0:
        return f"ended with status {status}"
    hint = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-status).name}{hint}"


def _serve(pipe: Connection) -> None:
    """The main function of a saving process; it ends with the reading process, however that one ends."""
    gc.disable()  # as the one that reads: nothing of a row is in a cycle
    with suppress(EOFError, OSError):
        try:
            _serve_groups(pipe)
        except Exception as error:  # before the first group, which it answers
            failure = _failure(error)
            pipe.recv_bytes()
            pipe.send(failure)


def _serve_groups(pipe: Connection) -> None:
    work, readings, ids = pipe.recv()
    tasks_app.connect(work.settings)
    with command_services(work.settings) as services:
        limits = services.settings.intake
        source = services.source_map(work.source)
        rows = Rows(work.columns, work.layout, source, limits, run=work.run, now=work.now, readings=readings, ids=ids)
        saver = GroupSaver(services, rows)
        while True:
            pipe.send(_saved(saver, pipe.recv_bytes()))


def _saved(saver: GroupSaver, group: bytes) -> Saved | Failure:
    try:
        return saver.save([Record(line, fields) for line, fields in orjson.loads(group)])
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> Failure:
    if isinstance(error, Service6Error):
        return Failure(str(error), isinstance(error, TryAgain))
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory", True)
    # A fault of ours; without its text, which may quote a row.
    at = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        f"a process of this import failed: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}", False
    )
