"""Makes text from outside safe to show on a terminal.

An id, a stage or an owner is whatever a CRM sent. Raw control characters in it could colour, clear or retitle the
terminal, write to the clipboard, or fake a line; bidirectional overrides and invisible characters make a text look like
another one.
"""

import re
from collections.abc import Callable, Iterable
from unicodedata import category

BEYOND_PLAIN = re.compile(r"[^ -~]")
# Controls, formats (bidirectional, zero-width), surrogates, private and unassigned characters.
OTHER = "C"
SEPARATORS = ("Zl", "Zp")  # that some terminals break a line at


def printable(text: str, *, keep: str = "") -> str:
    """The text with every unprintable character as its escape (`\\x1b`, `\\u202e`), except those of `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return BEYOND_PLAIN.sub(lambda match: _shown(match[0], keep, _escape), text)


def printable_lines(lines: Iterable[str]) -> str:
    """Joins lines for people; no value can begin a new line."""
    return "\n".join(map(printable, lines))


def printable_json(document: str) -> str:
    """A JSON document with unprintable characters as JSON's own escapes, so that it stays the same document."""
    return BEYOND_PLAIN.sub(lambda match: _shown(match[0], "\n", _json_escape), document)


def _shown(character: str, keep: str, escape: Callable[[str], str]) -> str:
    return character if character in keep or _is_glyph(character) else escape(character)


def _is_glyph(character: str) -> bool:
    kind = category(character)
    return kind[0] != OTHER and kind not in SEPARATORS


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
