"""A line of a program's log: our JSON, or what PostgreSQL, Valkey and the interpreter write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from pipeline.printable import printable

SHOWN_FIRST = ("at", "level", "logger", "message", "process", "taskName", "exc_info")
POSTGRES = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC ")
VALKEY = re.compile(r"\d+:[A-Z] (\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}) ")
NEVER = datetime.min.replace(tzinfo=UTC)


class Line(NamedTuple):
    """`at` of a line that names no time is that of the line before it; `fields` is None where the line is no JSON."""

    at: datetime
    program: str
    raw: str
    fields: Mapping[str, Any] | None

    def text(self) -> str:
        """For people; an error's traceback follows on lines of its own."""
        if self.fields is None:
            return f"{self.program:<10} {printable(self.raw)}"
        fields = dict(self.fields)
        more = [f"{name}={value}" for name, value in fields.items() if name not in SHOWN_FIRST]
        words = [
            f"{fields.get('level', '')!s:<7}",
            f"{fields.get('logger', '')}:",
            str(fields.get("message", "")),
            *more,
        ]
        head = f"{self.program:<10} {self.at:%Y-%m-%d %H:%M:%S} {printable(' '.join(words))}"
        trace = str(fields.get("exc_info") or "").splitlines()
        return "\n".join([head, *(f"{'':<10} | {printable(row)}" for row in trace)])

    def as_json(self) -> str:
        return orjson.dumps({"program": self.program, **(self.fields or {"message": self.raw})}).decode()


def parsed(program: str, raw: bytes, before: datetime) -> Line:
    """`before` is the time of the line before it."""
    text = raw.decode(errors="backslashreplace")
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        fields = None
    fields = fields if isinstance(fields, dict) else None
    return Line(_moment(text, fields) or before, program, text, fields)


def _moment(text: str, fields: Mapping[str, Any] | None) -> datetime | None:
    try:
        if fields is not None:
            # Python's own way of writing it in logs, in the time of this machine.
            return datetime.strptime(str(fields.get("at")), "%Y-%m-%d %H:%M:%S,%f").astimezone(UTC)
        if match := POSTGRES.match(text):
            return datetime.fromisoformat(f"{match[1]}+00:00")
        if match := VALKEY.match(text):
            return datetime.strptime(match[1], "%d %b %Y %H:%M:%S.%f").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None
