"""Reads a CSV file as people export them: streams its records, mends their shape, reports faults by line."""

import csv
from collections.abc import Iterator, Sequence
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import GiveUp
from pipeline.importing import csv_dialect
from pipeline.importing.csv_bytes import CsvBytes
from pipeline.spreadsheet import original

SNIFFED = 65_536  # characters
ADDED = ["line", "reason"]  # the first columns of the rejected rows, which are mended and imported again
CELL_LIMIT = 1 << 20  # characters; a quote that is never closed makes one cell of the rest of the file


class Record(NamedTuple):
    """One row of the file; `line` is where it begins, counted from 1."""

    line: int
    fields: list[str]


class CsvFile:
    """A CSV file in UTF-8, UTF-16 or UTF-32, which `close` closes. Raises GiveUp for anything else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.short_rows = 0  # of the latest reading: those with fewer cells than the header
        self.first_short_line = 0
        self._bytes = CsvBytes(path)
        self._encoding = csv_dialect.encoding(self._bytes.head)

    def close(self) -> None:
        self._bytes.close()

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return self._bytes.size

    @cached_property
    def columns(self) -> list[str]:
        """The names in the first line, without space around them."""
        first = next(self._records(), None)
        if first is None:
            raise GiveUp(f"{self.path} is empty; its first line must name the columns")
        return [name.strip() for name in first.fields]

    @cached_property
    def separator(self) -> str:
        if self._hinted is not None:
            return self._hinted
        lines = self._beginning.splitlines(keepends=True)
        # The last of them may be cut off.
        lines = lines[: max(1, len(lines) - 1)] if len(self._beginning) >= SNIFFED else lines
        return csv_dialect.separator(lines)

    def records(self) -> Iterator[Record]:
        """All records but the header and blank lines. Cells that a row lacks are empty; empty ones too many are cut."""
        self.short_rows = 0
        records = self._records(len(self.columns))
        next(records, None)
        if not added_columns(self.columns):
            return records
        return (Record(line, [original(field) for field in fields]) for line, fields in records)

    def _shaped(self, line: int, fields: list[str], width: int) -> list[str]:
        if len(fields) > width:
            return fields if any(field.strip() for field in fields[width:]) else fields[:width]
        if len(fields) == 1 and " " in fields[0].strip():
            return fields  # the last lines of a report are sentences, and no ids
        self.short_rows += 1
        if self.short_rows == 1:
            self.first_short_line = line
        return fields + [""] * (width - len(fields))

    @cached_property
    def _beginning(self) -> str:
        with self._open() as file:
            try:
                return file.read(SNIFFED)
            except UnicodeError:
                raise self._undecodable(1) from None

    @cached_property
    def _hinted(self) -> str | None:
        return csv_dialect.hinted_separator(self._beginning)

    def _records(self, width: int | None = None) -> Iterator[Record]:
        """All records with the header; of that width, unless they have too many cells."""
        csv.field_size_limit(CELL_LIMIT)
        delimiter = self.separator
        with self._open() as file:
            skipped = 0 if self._hinted is None else len([file.readline()])
            reader = csv.reader(file, delimiter=delimiter)
            line = 1 + skipped
            try:
                for fields in reader:
                    if any(fields):
                        if width is not None and len(fields) != width:
                            fields = self._shaped(line, fields, width)
                        yield Record(line, fields)
                    line = reader.line_num + skipped + 1
            except UnicodeError:
                raise self._undecodable(line) from None
            except csv.Error as error:
                reason = f"a cell of more than {CELL_LIMIT:,} characters; is a quote never closed?"
                raise GiveUp(f"{self.path}, line {line}: {reason if 'field limit' in str(error) else error}") from None

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(self._bytes.reader(), encoding=self._encoding, newline="")

    def _undecodable(self, line: int) -> GiveUp:
        found = f"(found at or after line {line})"
        if self._encoding.startswith("utf-8"):
            return GiveUp(f"{self.path} is not UTF-8 {found}; convert it, for example: iconv -f WINDOWS-1252 -t UTF-8")
        return GiveUp(f"{self.path} is {self._encoding.upper()}, and damaged or cut off {found}; export it again")


def added_columns(columns: Sequence[str]) -> int:
    """The number of columns in front that a file of rejected rows has, and the imported file had not."""
    return len(ADDED) if list(columns[: len(ADDED)]) == ADDED else 0
