"""Reads a CSV file as people export them: detects its form, streams its records, reports faults by line."""

import csv
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TextIO

from pipeline.errors import GiveUp
from pipeline.spreadsheet import original

SEPARATORS = ",;\t|"
SNIFFED = 65_536  # characters
ADDED = ["line", "reason"]  # the first columns of the rejected rows, which are mended and imported again
CELL_LIMIT = 1 << 20  # characters; a quote that is never closed makes one cell of the rest of the file


class Record(NamedTuple):
    """One row of the file; `line` is where it begins, counted from 1."""

    line: int
    fields: list[str]


class CsvFile:
    """A CSV file in UTF-8, with or without byte order mark. Raises GiveUp for anything else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def columns(self) -> list[str]:
        """The names in the first line, without space around them."""
        first = next(self._records(), None)
        if first is None:
            raise GiveUp(f"{self.path} is empty; its first line must name the columns")
        return [name.strip() for name in first.fields]

    @cached_property
    def separator(self) -> str:
        """The usual separator that cuts the first lines into the same number of fields, and into the most."""
        with self._open() as file:
            lines = self._decoded(file, SNIFFED).splitlines(keepends=True)
        # The last of them may be cut off.
        lines = lines[: max(1, len(lines) - 1)] if sum(map(len, lines)) >= SNIFFED else lines
        return max(SEPARATORS, key=lambda separator: _fit(lines, separator))

    def records(self) -> Iterator[Record]:
        """All records but the header and blank lines."""
        records = self._records()
        next(records, None)
        if self.columns[: len(ADDED)] != ADDED:
            return records
        return (Record(line, [original(field) for field in fields]) for line, fields in records)

    def _records(self) -> Iterator[Record]:
        csv.field_size_limit(CELL_LIMIT)
        with self._open() as file:
            reader = csv.reader(file, delimiter=self.separator)
            line = 1
            try:
                for fields in reader:
                    if fields:
                        yield Record(line, fields)
                    line = reader.line_num + 1
            except UnicodeDecodeError:
                raise self._not_utf8(line) from None
            except csv.Error as error:
                reason = f"a cell of more than {CELL_LIMIT:,} characters; is a quote never closed?"
                raise GiveUp(f"{self.path}, line {line}: {reason if 'field limit' in str(error) else error}") from None

    def _open(self) -> TextIO:
        return self.path.open(encoding="utf-8-sig", newline="")

    def _decoded(self, file: TextIO, characters: int) -> str:
        try:
            return file.read(characters)
        except UnicodeDecodeError:
            raise self._not_utf8(1) from None

    def _not_utf8(self, line: int) -> GiveUp:
        return GiveUp(
            f"{self.path} is not UTF-8 (found at or after line {line}); "
            "convert it, for example: iconv -f WINDOWS-1252 -t UTF-8"
        )


def _fit(lines: list[str], separator: str) -> tuple[float, int]:
    """The share of rows with the header's number of fields, and that number; zeros if it is one field."""
    rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    if not rows or len(rows[0]) < 2:
        return 0.0, 0
    widths = Counter(len(row) for row in rows)
    return widths[len(rows[0])] / len(rows), len(rows[0])
