"""Reads the column that tells how leads ended, and says what became of each of its values before anything is saved."""

import re
from collections import Counter
from functools import lru_cache

from pipeline.importing.csv_words import word
from pipeline.leads.values.missing import is_missing
from pipeline.security.privacy import looks_personal
from schemas.lead import Outcome

NUMBER = re.compile(r"\+?(-?)0*(\d+)(?:[.,]0*)?", re.ASCII)
VALUES_KEPT = 1000  # distinct values; a column with more is no outcome
VALUES_SHOWN = 20
CHARACTERS_SHOWN = 40


class OutcomeColumn:
    """Won where the value is `won`, in any case and written as any number (`1`, `1.0`); lost where it is another."""

    def __init__(self, name: str, won: str | None) -> None:
        self._name = name
        self._won = None if won is None else _meaning(won)
        self._rows: Counter[str] = Counter()  # by value
        self._further: Counter[Outcome | None] = Counter()  # rows with values beyond VALUES_KEPT

    def read(self, text: str) -> Outcome | None:
        meaning = _meaning(text)
        if not meaning or (meaning != self._won and is_missing(text)):
            return None
        return Outcome.WON if meaning == self._won else Outcome.LOST

    def learn(self, text: str) -> None:
        text = text.strip()
        if text in self._rows or len(self._rows) < VALUES_KEPT:
            self._rows[text] += 1
        else:
            self._further[self.read(text)] += 1

    def rows(self, outcome: Outcome) -> int:
        return self._further[outcome] + sum(n for text, n in self._rows.items() if self.read(text) is outcome)

    def explained(self) -> list[str]:
        """Lines that say what each distinct value became, the frequent ones first; none without rows."""
        if not self._rows:
            return []
        shown = self._rows.most_common(VALUES_SHOWN)
        lines = [f"  {_shown(text)}: {self.read(text) or 'no outcome'} ({number:,} rows)" for text, number in shown]
        further = self._rows.total() + self._further.total() - sum(number for _, number in shown)
        if further:
            lines.append(f"  other values: {further:,} rows")
        return [f"How the leads ended, by {self._name!r}:", *lines]

    def one_sided(self) -> str | None:
        """Why a model could not learn from it: all rows ended alike; None if there are both, or no rows."""
        missing = [outcome for outcome in Outcome if not self.rows(outcome)]
        if not missing or not self._rows:
            return None
        return f"no row of {self._name!r} is {' or '.join(missing)}"


@lru_cache(maxsize=VALUES_KEPT)
def _meaning(text: str) -> str:
    text = word(text).casefold()
    return NUMBER.sub(r"\1\2", text) if NUMBER.fullmatch(text) else text


def _shown(text: str) -> str:
    """A value for people; of a column that is no outcome it might be a person's."""
    if not text:
        return "empty"
    if looks_personal(text):
        return "a personal value"
    return repr(text if len(text) <= CHARACTERS_SHOWN else f"{text[:CHARACTERS_SHOWN]}…")
