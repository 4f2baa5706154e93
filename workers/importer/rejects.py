"""Writes rejected rows, each with the reason, into a file beside the imported one."""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from pipeline.errors import GiveUp
from pipeline.importing.csv_dialect import SEPARATORS
from pipeline.importing.csv_file import ADDED, CsvFile, Record
from pipeline.spreadsheet import cell

ENDINGS = re.compile(r"(\.csv)?(\.gz|\.zip)?$", re.IGNORECASE)
OF_A_PIPE = "pipe.rejects.csv"  # in the working directory
# What the system calls a process's own files; nothing can be written beside them.
DESCRIPTORS = (Path("/dev"), Path("/dev/fd"))


class Rejects:
    """The file of rejected rows, created with the first; replaces an earlier one. Only its owner may read it."""

    def __init__(self, imported: CsvFile) -> None:
        path = imported.path
        is_beside = path.is_file() and path.parent not in DESCRIPTORS and not path.is_relative_to("/proc")
        self.path = path.with_name(f"{ENDINGS.sub('', path.name)}.rejects.csv") if is_beside else Path(OF_A_PIPE)
        self._imported = imported
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        with self._one_line():
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Raises GiveUp if the last rows cannot be written."""
        with self._one_line():
            self._open.close()

    def add(self, record: Record, reason: str) -> None:
        with self._one_line():
            if self._writer is None:
                self.path.touch(mode=0o600)
                file = self._open.enter_context(self.path.open("w", encoding="utf-8", newline=""))
                self._writer = csv.writer(file, delimiter=self._separator())
                self._writer.writerow([*ADDED, *map(cell, self._imported.columns)])
            self._writer.writerow([record.line, cell(reason), *map(cell, record.fields)])

    def _separator(self) -> str:
        """One that is found out when the file is imported again: it has no line that names another."""
        separator = self._imported.separator
        return separator if separator in SEPARATORS else SEPARATORS[0]

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"the rejected rows cannot be written to {self.path} ({error.strerror})"
            raise GiveUp(f"{reason}; import a copy from a folder that has room and that you may write to") from None
