"""Cells of the CSV files that we write for people, who open them in a spreadsheet or print them in a terminal."""

import re

from pipeline.printable import printable

# A spreadsheet executes a cell that begins so; a tab or a carriage return in front does not hinder it.
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)
# A cell that was made harmless, or that looked so before: a quotation mark is put in front in both cases.
MARKED = re.compile(r"'+[=+\-@\t\r]")


def cell(text: str) -> str:
    """The text as a spreadsheet shows it, and executes nothing; control characters as their escapes."""
    dangerous = FORMULA.match(text) and not NUMBER.fullmatch(text)
    return printable(f"'{text}" if dangerous or MARKED.match(text) else text, keep="\n\t")


def original(text: str) -> str:
    """What `cell` was given, but for control characters."""
    return text[1:] if MARKED.match(text) else text
