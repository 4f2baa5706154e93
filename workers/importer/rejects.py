"""Writes rejected rows, each with the reason, into a file beside the imported one."""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from pipeline.errors import GiveUp
from pipeline.importing.csv_file import ADDED, CsvFile, Record
from pipeline.spreadsheet import cell

ENDINGS = re.compile(r"(\.csv)?(\.gz|\.zip)?$", re.IGNORECASE)
OF_A_PIPE = "pipe.rejects.csv"  # in the working directory: /dev/fd can hold no file


class Rejects:
    """The file of rejected rows, created with the first; replaces an earlier one. Only its owner may read it."""

    def __init__(self, imported: CsvFile) -> None:
        path = imported.path
        self.path = path.with_name(f"{ENDINGS.sub('', path.name)}.rejects.csv") if path.is_file() else Path(OF_A_PIPE)
        self._imported = imported
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        with self._one_line():
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        with self._one_line():
            self._open.close()

    def add(self, record: Record, reason: str) -> None:
        with self._one_line():
            if self._writer is None:
                self.path.touch(mode=0o600)
                file = self._open.enter_context(self.path.open("w", encoding="utf-8", newline=""))
                self._writer = csv.writer(file, delimiter=self._imported.separator)
                self._writer.writerow([*ADDED, *map(cell, self._imported.columns)])
            self._writer.writerow([record.line, cell(reason), *map(cell, record.fields)])

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"the rejected rows cannot be written to {self.path} ({error.strerror})"
            raise GiveUp(f"{reason}; import a copy from a folder that has room and that you may write to") from None
