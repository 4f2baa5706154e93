"""Reads the ids of leads, undoes what spreadsheets do to them, and refuses those that a spreadsheet has rounded."""

import re

from pipeline.errors import GiveUp
from pipeline.importing.csv_words import PLAIN, spaced, word, written_as_text

ID_LIMIT = 200  # characters
# As Excel, LibreOffice and pandas show a number that is too long: 1.23457E+11.
ROUNDED = re.compile(r"-?\d(?:[.,]\d+)?[eE]\+\d{1,3}|-?\d[.,]\d+[eE]\d{1,3}", re.ASCII)
# An id may look like this by chance (12E4), but not all ids of a file.
SCIENTIFIC = re.compile(r"-?\d+(?:[.,]\d+)?[eE][+-]?\d{1,3}", re.ASCII)
DECIMAL = re.compile(r"(-?\d+)[.,]0{1,2}", re.ASCII)  # not three: 101.000 may be 101 thousands

# A spreadsheet keeps 15 digits of a number, and shows zeros for the others.
LONG_DIGITS = 15
FEWEST_LONG = 3  # ids that end in zeros there; two may do so by chance

# What programs write where there is no id; as an id it would make one lead of different people.
NOTHING = frozenset(
    "nan null none nil n/a na #n/a #null! #ref! #value! #name? #num! #div/0! - -- (null) (blank)".split()
)
LONGEST_NOTHING = max(map(len, NOTHING))

HOW = "export them again and import that file as it is, or format the column as text in the spreadsheet before it saves"


class IdColumn:
    """One column of ids. It is learned whole before any id is read, because `101.0` is a number among numbers only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ids = self._numbers = self._decimals = self._scientific = self._texts = self._spaced = 0
        self._long = self._long_rounded = 0

    def learn(self, text: str) -> None:
        if text[:1].isalpha() and len(text) > LONGEST_NOTHING and PLAIN.fullmatch(text):
            self._ids += 1  # most ids: neither a number nor a word for nothing
            return
        if text.isdigit() or PLAIN.fullmatch(text):
            self._learn(text)
            return
        trimmed = spaced(text)
        if not trimmed:
            return
        self._spaced += trimmed != text
        inner = written_as_text(trimmed)
        self._texts += inner is not None
        self._learn(trimmed if inner is None else inner)

    def check(self) -> None:
        """Raises GiveUp if a spreadsheet has rounded the ids."""
        if self._ids and self._scientific == self._ids:
            raise GiveUp(f"a spreadsheet has rounded the ids in {self._name!r} to scientific notation; {HOW}")
        if self._long >= FEWEST_LONG and self._long_rounded == self._long:
            raise GiveUp(f"a spreadsheet has rounded the ids in {self._name!r} to {LONG_DIGITS} digits; {HOW}")

    def read(self, text: str) -> str:
        """The id, empty if there is none; raises GiveUp for one that cannot be an id."""
        if PLAIN.fullmatch(text):
            return "" if _is_nothing(text) else _checked(text)
        text = word(text)
        if ROUNDED.fullmatch(text):
            raise GiveUp(f"a spreadsheet has rounded the id to scientific notation; {HOW}")
        if self._are_numbers:
            text = DECIMAL.sub(r"\1", text)
        return "" if _is_nothing(text) else _checked(text)

    @staticmethod
    def key(text: str) -> str:
        """The same for all spellings of an id, before the column is known; of other ids too, now and then."""
        return text if text.isdigit() or PLAIN.fullmatch(text) else DECIMAL.sub(r"\1", word(text))

    def notes(self) -> list[str]:
        """What was changed, for people."""
        found = {
            "were numbers with decimals: 101.0 is read as 101": self._decimals if self._are_numbers else 0,
            'were marked as text: ="00123" is read as 00123': self._texts,
            "had spaces too many, which are left out": self._spaced,
        }
        return [f"{number:,} ids in {self._name!r} {what}" for what, number in found.items() if number]

    @property
    def _are_numbers(self) -> bool:
        return self._decimals > 0 and self._numbers + self._decimals == self._ids

    def _learn(self, text: str) -> None:
        if _is_nothing(text):
            return
        self._ids += 1
        if text.isdigit():
            self._numbers += 1
            if len(text) > LONG_DIGITS:
                self._long += 1
                self._long_rounded += not text[LONG_DIGITS:].strip("0")
        elif DECIMAL.fullmatch(text):
            self._decimals += 1
        elif SCIENTIFIC.fullmatch(text):
            self._scientific += 1


def _is_nothing(text: str) -> bool:
    return len(text) <= LONGEST_NOTHING and text.casefold() in NOTHING


def _checked(text: str) -> str:
    if len(text) > ID_LIMIT or "\0" in text:
        raise GiveUp(f"the id holds a NUL or more than {ID_LIMIT} characters")
    return text
