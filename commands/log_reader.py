"""The logs of a stack that `service6 up` runs or ran, read and followed across rotations."""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from io import BufferedReader
from operator import attrgetter
from pathlib import Path

from commands.log_line import NEVER, Line, parsed
from pipeline.errors import GiveUp, Misconfigured

POLL_S = 0.2
AT = attrgetter("at")
BLOCK = 1 << 16  # bytes
LONGEST_LINE = 1 << 20  # bytes; one that is longer is shown in parts


def programs(state_dir: Path) -> list[str]:
    """The programs that have a log."""
    return sorted(path.stem for path in (state_dir / "logs").glob("*.log"))


def read(state_dir: Path, names: Sequence[str], *, last: int, follow: bool) -> Iterator[Line]:
    """The last lines of these programs, or of all, in the order of time; with `follow` also those written later.

    Raises GiveUp where there are no logs, Misconfigured for a program that has none.
    """
    known = programs(state_dir)
    if not known:
        raise GiveUp(f"there are no logs in {state_dir / 'logs'}; `service6 up` writes them")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Misconfigured(f"{', '.join(map(repr, unknown))} has no log; there are: {', '.join(known)}")
    tails = {name: Tail(state_dir, name) for name in names or known}
    try:
        yield from deque(heapq.merge(*(tail.last(last) for tail in tails.values()), key=AT), maxlen=last)
        while follow:
            for name in () if names else programs(state_dir):  # one that was started meanwhile
                tails.setdefault(name, Tail(state_dir, name))
            yield from sorted((line for tail in tails.values() for line in tail.fresh()), key=AT)
            time.sleep(POLL_S)
    finally:
        for tail in tails.values():
            tail.close()


class Tail:
    """One program's log. It is rotated by moving it aside, or by copying it and cutting it off."""

    def __init__(self, state_dir: Path, program: str) -> None:
        self._path = state_dir / "logs" / f"{program}.log"
        self._program = program
        self._file: BufferedReader | None = None
        self._rest = b""  # of a line that has not ended
        self._at = NEVER

    def last(self, count: int) -> list[Line]:
        """The last `count` lines, rotated files included; `fresh` continues after them."""
        lines = deque(self._lines(), maxlen=count)
        # The newest rotated file is number 1.
        for older in sorted(self._path.parent.glob(f"{self._path.name}.?")):
            if len(lines) < count:
                lines.extendleft(reversed(deque(older.read_bytes().splitlines(), maxlen=count - len(lines))))
        return [self._line(line) for line in lines]

    def fresh(self) -> list[Line]:
        """The lines written since the last call."""
        lines = list(self._lines())
        if self._is_moved():
            lines += self._lines()  # what was written before the move
            lines += self.close()
            lines += self._lines()
        return [self._line(line) for line in lines]

    def _lines(self) -> Iterator[bytes]:
        file = self._file = self._file or _opened(self._path)
        if file is None:
            return
        if file.tell() > os.fstat(file.fileno()).st_size:  # it was cut off
            file.seek(0)
            self._rest = b""
        while block := file.read(BLOCK):
            *lines, self._rest = (self._rest + block).split(b"\n")
            yield from lines
            if len(self._rest) > LONGEST_LINE:
                yield self._rest
                self._rest = b""

    def _line(self, raw: bytes) -> Line:
        line = parsed(self._program, raw.rstrip(b"\r"), self._at)
        self._at = line.at
        return line

    def _is_moved(self) -> bool:
        try:
            return self._file is not None and not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False  # it will be created again

    def close(self) -> list[bytes]:
        """Closes the file, and returns the last line if it has no line end."""
        if self._file is not None:
            self._file.close()
        rest, self._file, self._rest = self._rest, None, b""
        return [rest] if rest else []


def _opened(path: Path) -> BufferedReader | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
    except PermissionError:
        raise Misconfigured(f"{path} belongs to another user; run as that user") from None
