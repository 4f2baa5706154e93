"""Everything that a command prints goes through here, so that no text from outside can control the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import click

from pipeline.printable import printable, printable_json


def echo(text: str, *, err: bool = False) -> None:
    """Prints lines for people. Their values are escaped already; this escapes what was missed."""
    click.echo(printable(text, keep="\n"), err=err)


def echo_json(text: str) -> None:
    """Prints a JSON document; control characters become JSON escapes, so the values stay the same."""
    click.echo(printable_json(text))


def echo_models(models: Sequence[Any]) -> None:
    """Prints pydantic models as a JSON array."""
    echo_json(json.dumps([model.model_dump(mode="json") for model in models], indent=2))


def replace_what_cannot_be_encoded() -> None:
    """A terminal that is not UTF-8 shows an escape instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
