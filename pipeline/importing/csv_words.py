"""What a spreadsheet does to a text, undone: `="00123"`, and spaces that nobody sees."""

import re

PLAIN = re.compile(r"[\w-]+", re.ASCII)
FORMULA = re.compile(r'="(.*)"', re.DOTALL)
APOSTROPHE = re.compile(r"'(?=\d)")
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


def spaced(text: str) -> str:
    """The text without invisible characters, without space around it, and with single spaces in it."""
    return " ".join(text.translate(INVISIBLE).split())


def written_as_text(text: str) -> str | None:
    """The text that a spreadsheet was told not to take for a number, as `="00123"` or `'00123`; None for others."""
    formula = FORMULA.fullmatch(text)
    if formula is not None:
        return spaced(formula[1])
    return text[1:] if APOSTROPHE.match(text) else None


def word(text: str) -> str:
    """The text as it was before a spreadsheet wrote it."""
    if PLAIN.fullmatch(text):
        return text
    text = spaced(text)
    inner = written_as_text(text)
    return text if inner is None else inner
