"""A cell from outside executes nothing in a spreadsheet, and comes back as it was when it is imported again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.printable import printable
from pipeline.spreadsheet import cell, original


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("https://evil")', '\'=HYPERLINK("https://evil")'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1+1", "'\t=1+1"),
        ("\r=1+1", "'\\x0d=1+1"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("+4912345", "+4912345"),
        ("-1.50", "-1.50"),
        ("Ada, Lovelace", "Ada, Lovelace"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
    ],
)
def test_a_cell_is_shown_and_not_executed(text: str, written: str) -> None:
    assert cell(text) == written


@given(st.text(st.characters(codec="utf-8")) | st.from_regex(r"'{0,2}[=+@-][a-z0-9\t]{0,5}", fullmatch=True))
def test_what_is_imported_again_is_what_it_was(text: str) -> None:
    if not text.startswith("\r"):
        assert original(cell(text)) == printable(text, keep="\n\t")
