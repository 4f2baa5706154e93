"""Writes rejected rows, each with the reason, into a file beside the imported one."""

import csv
from contextlib import ExitStack
from typing import Any, Self

from pipeline.errors import GiveUp
from pipeline.importing.csv_file import ADDED, CsvFile, Record
from pipeline.spreadsheet import cell


class Rejects:
    """The file of rejected rows, created with the first; replaces an earlier one. Only its owner may read it."""

    def __init__(self, imported: CsvFile) -> None:
        self.path = imported.path.with_name(f"{imported.path.name.removesuffix('.csv')}.rejects.csv")
        self._imported = imported
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, record: Record, reason: str) -> None:
        if self._writer is None:
            self._make()
            file = self._open.enter_context(self.path.open("w", encoding="utf-8", newline=""))
            self._writer = csv.writer(file, delimiter=self._imported.separator)
            self._writer.writerow([*ADDED, *map(cell, self._imported.columns)])
        self._writer.writerow([record.line, cell(reason), *map(cell, record.fields)])

    def _make(self) -> None:
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            reason = f"the rejected rows cannot be written to {self.path} ({error.strerror})"
            raise GiveUp(f"{reason}; import a copy from a folder that you may write to") from None
