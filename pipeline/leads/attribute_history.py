"""What the values of each attribute of a source have been so far: how they are written, and what could not be read."""

from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

from pipeline.leads.values.column_style import UNKNOWN_STYLE, ColumnStyle, StyleEvidence
from pipeline.leads.values.moments import DayPlace
from pipeline.leads.values.numbers import DecimalMark
from pipeline.leads.values.reader import Doubt
from schemas.score import Value

MARKS: dict[int, DecimalMark] = {1: ".", 2: ","}
DAY_PLACES: dict[int, DayPlace] = {1: 1, 2: 2}
ATTRIBUTES_KEPT = 2000  # of a source; what comes beyond is read as if nothing were known of it


class AttributeNote(NamedTuple):
    """`marks` and `day_places` as bits: 1 is the dot, or the day first; 2 the comma, or the month first."""

    attribute: str
    marks: int = 0
    day_places: int = 0
    ambiguous: int = 0
    unreadable: int = 0
    not_comparable: int = 0

    def and_more(self, more: "AttributeNote") -> "AttributeNote":
        return AttributeNote(
            self.attribute,
            self.marks | more.marks,
            self.day_places | more.day_places,
            self.ambiguous + more.ambiguous,
            self.unreadable + more.unreadable,
            self.not_comparable + more.not_comparable,
        )

    @property
    def style(self) -> ColumnStyle:
        """Two marks, or two places of the day, contradict each other and decide nothing."""
        return ColumnStyle(MARKS.get(self.marks), DAY_PLACES.get(self.day_places))


class AttributeHistory:
    """The history of one source; for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, AttributeNote] = {}
        self._fresh: dict[str, AttributeNote] = {}

    def style(self, attribute: str) -> ColumnStyle:
        known = self._known.get(attribute)
        return UNKNOWN_STYLE if known is None else known.style

    def learn(self, attribute: str, value: Value, doubt: Doubt | None) -> None:
        """Learns from one value, and counts the doubt about it."""
        evidence = StyleEvidence()
        evidence.learn(value)
        fresh = note(attribute, evidence, doubt)
        if doubt is None and not (fresh.marks or fresh.day_places):
            return
        with self._lock:
            known = self._known.get(attribute, AttributeNote(attribute))
            if doubt is None and known.and_more(fresh) == known:
                return
            if attribute in self._known or len(self._known) < ATTRIBUTES_KEPT:
                self._known[attribute] = known.and_more(fresh)
                self._fresh[attribute] = self._fresh.get(attribute, AttributeNote(attribute)).and_more(fresh)

    def take(self) -> list[AttributeNote]:
        """What came since the last call."""
        with self._lock:
            fresh, self._fresh = list(self._fresh.values()), {}
        return fresh

    def load(self, stored: Iterable[AttributeNote]) -> None:
        """Takes over what is stored; what was not taken yet is added to it."""
        with self._lock:
            known = {each.attribute: each for each in stored}
            for attribute, fresh in self._fresh.items():
                known[attribute] = known.get(attribute, AttributeNote(attribute)).and_more(fresh)
            self._known = known


def note(attribute: str, evidence: StyleEvidence, doubt: Doubt | None = None, count: int = 1) -> AttributeNote:
    return AttributeNote(
        attribute,
        marks=sum({".": 1, ",": 2}[mark] for mark in evidence.marks),
        day_places=sum(evidence.day_places),
        ambiguous=count if doubt is Doubt.AMBIGUOUS else 0,
        unreadable=count if doubt is Doubt.UNREADABLE else 0,
        not_comparable=count if doubt is Doubt.NOT_COMPARABLE else 0,
    )
