"""Finds out how a CSV file is written: its encoding, its separator, and Excel's line that names the separator."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence

SEPARATORS = ",;\t|"
# Excel reads this first line and does not show it; other programs may quote it or fill it up with separators.
HINT = re.compile(r'"?sep=(?P<separator>[^\w\s"\'=]|\t)"?[,;\t| ]*(?:\r\n?|\n|$)', re.IGNORECASE)

MARKS = {  # the longer first: UTF-32's begins as UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding(head: bytes) -> str:
    """The encoding by the byte order mark; UTF-16 without one by its zeros; else UTF-8."""
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd > len(head) // 4 and 0 in (even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def hinted_separator(text: str) -> str | None:
    """The separator that a first line `sep=;` names."""
    hint = HINT.match(text)
    return None if hint is None else hint["separator"]


def separator(lines: Sequence[str]) -> str:
    """The usual separator that cuts the lines into the same number of fields, and into the most."""
    return max(SEPARATORS, key=lambda candidate: _fit(lines, candidate))


def _fit(lines: Sequence[str], separator: str) -> tuple[float, int]:
    """The share of rows with the header's number of fields, and that number; zeros if it is one field."""
    rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    if not rows or len(rows[0]) < 2:
        return 0.0, 0
    widths = Counter(len(row) for row in rows)
    return widths[len(rows[0])] / len(rows), len(rows[0])
