"""Finds configured phrases in a text: `VP of Sales` holds `vp`, `Referral;Website` lists two words."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from pipeline.leads.values.lists import parts_of

# `C.E.O.` is one word, and so are `R&D` and `e-commerce`.
ABBREVIATION = re.compile(r"\b(?:[^\W\d_]\.){2,}")
WORD = re.compile(r"[^\W_]+(?:[&'’][^\W_]+)*")


class Phrases:
    """The codes of phrases, of which a text may hold several: the one that `ranks` highest counts.

    Longer phrases are found first, so that a vice president is no president. `unless`: words that make a text mean none
    of the phrases, as an assistant of the CEO is no CEO.
    """

    def __init__(self, codes: Mapping[str, int], ranks: Mapping[int, float], unless: Sequence[str] = ()) -> None:
        self._codes = {tuple(words(phrase)): code for phrase, code in codes.items()}
        self._ranks = ranks
        self._unless = frozenset(tuple(words(phrase)) for phrase in unless)

    def code_of(self, text: str) -> int | None:
        """The code of the best phrase in the text, or None."""
        found = [code for part in parts_of(text) for code in self._found(words(part))]
        return max(found, key=self._ranks.__getitem__, default=None)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, (*self._codes, *self._unless)), default=0)

    def _found(self, text: Sequence[str]) -> list[int]:
        """The codes of the phrases in a text of these words; each word belongs to one phrase."""
        codes: list[int] = []
        place = 0
        while place < len(text):
            for length in range(min(self._longest, len(text) - place), 0, -1):
                phrase = tuple(text[place : place + length])
                if phrase in self._unless:
                    return []
                if phrase in self._codes:
                    codes.append(self._codes[phrase])
                    place += length - 1
                    break
            place += 1
        return codes


def words(text: str) -> list[str]:
    """The words of a text in lower case, without the signs between them."""
    plain = ABBREVIATION.sub(lambda match: match.group().replace(".", ""), text.casefold())
    return WORD.findall(plain)
