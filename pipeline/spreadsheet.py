"""Makes cells of CSV files safe to open in a spreadsheet or to print in a terminal."""

import re

from pipeline.printable import printable

# A spreadsheet executes a cell that begins like this, even after a tab or a carriage return.
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)
# A cell that was made harmless, or that looked like one before: both get a quotation mark in front.
MARKED = re.compile(r"'+[=+\-@\t\r]")


def cell(text: str) -> str:
    """The text as a cell that a spreadsheet shows and does not execute; control characters become escapes."""
    dangerous = FORMULA.match(text) and not NUMBER.fullmatch(text)
    return printable(f"'{text}" if dangerous or MARKED.match(text) else text, keep="\n\t")


def original(text: str) -> str:
    """The text that `cell` was given, except for control characters."""
    return text[1:] if MARKED.match(text) else text
