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

HOW = "export them again and import that file as it is, or format the column as text in the spreadsheet before it saves"


class IdColumn:
    """One column of ids. It is learned whole before any id is read, because `101.0` is a number among numbers only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ids = self._numbers = self._decimals = self._scientific = self._texts = self._spaced = 0

    def learn(self, text: str) -> None:
        if PLAIN.fullmatch(text):
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

    def read(self, text: str) -> str:
        """The id, empty if there is none; raises GiveUp for one that cannot be an id."""
        if PLAIN.fullmatch(text):
            return _checked(text)
        text = word(text)
        if ROUNDED.fullmatch(text):
            raise GiveUp(f"a spreadsheet has rounded the id to scientific notation; {HOW}")
        if self._are_numbers:
            text = DECIMAL.sub(r"\1", text)
        return _checked(text)

    @staticmethod
    def key(text: str) -> str:
        """The same for all spellings of an id, before the column is known; of other ids too, now and then."""
        return text if PLAIN.fullmatch(text) else DECIMAL.sub(r"\1", word(text))

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
        self._ids += 1
        if text.isdigit():
            self._numbers += 1
        elif DECIMAL.fullmatch(text):
            self._decimals += 1
        elif SCIENTIFIC.fullmatch(text):
            self._scientific += 1


def _checked(text: str) -> str:
    if len(text) > ID_LIMIT or "\0" in text:
        raise GiveUp(f"the id holds a NUL or more than {ID_LIMIT} characters")
    return text
