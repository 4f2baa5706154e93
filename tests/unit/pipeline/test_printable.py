"""What a terminal may be shown of a text that came from outside."""

import json
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.printable import printable, printable_json, printable_lines

ANY_TEXT = st.text(st.characters(codec=None))


def steers(text: str, *, but: str = "") -> list[str]:
    return [one for one in text if one not in but and (category(one)[0] == "C" or category(one) in ("Zl", "Zp"))]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë → 東京 😀", "Zoë → 東京 😀"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\nc\td\x00\x7f", "a\\x0db\\x0ac\\x09d\\x00\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c"),
        ("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\u00ad".replace("\\u00ad", "\\xad")),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_no_glyph_is_its_escape(given: str, shown: str) -> None:
    assert printable(given) == shown


@given(ANY_TEXT)
def test_nothing_is_left_that_steers(text: str) -> None:
    assert not steers(printable(text))
    assert printable(printable(text)) == printable(text)
    assert len(printable_lines([text, text]).splitlines()) <= 2


@given(st.dictionaries(st.text(), ANY_TEXT))
def test_a_json_document_stays_the_same_document(document: dict[str, str]) -> None:
    shown = printable_json(json.dumps(document, ensure_ascii=False, indent=2))
    assert not steers(shown, but="\n")
    assert json.loads(shown) == document
