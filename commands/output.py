"""Everything that a command prints goes through here, so that no text from outside can control the terminal."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any

import click

from pipeline.errors import GiveUp
from pipeline.printable import printable, printable_json

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def echo(text: str, *, err: bool = False) -> None:
    """Prints lines for people. Their values are escaped already; this escapes what was missed."""
    with written(err=err):
        click.echo(printable(text, keep="\n"), err=err)


def echo_json(text: str) -> None:
    """Prints a JSON document; control characters become JSON escapes, so the values stay the same."""
    with written():
        click.echo(printable_json(text))


def echo_models(models: Sequence[Any]) -> None:
    """Prints pydantic models as a JSON array."""
    echo_json(json.dumps([model.model_dump(mode="json") for model in models], indent=2))


def replace_what_cannot_be_encoded() -> None:
    """A terminal that is not UTF-8 shows an escape instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def written(*, err: bool = False) -> Iterator[None]:
    """Raises GiveUp where standard output takes nothing more, as on a full disk. Nobody can be told of standard error.

    The reader of a pipe may go away at any time; click ends the command then.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        _discard(sys.stderr if err else sys.stdout)
        if not err:
            raise GiveUp(f"the output cannot be written: {error.strerror}; what the command has done is done") from None


def _discard(stream: Any) -> None:
    """Sends what the stream holds nowhere, or Python would fail once more at the end of the process."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
