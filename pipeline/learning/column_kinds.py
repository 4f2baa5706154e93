"""Decides which attributes become features, of what kind, and why the others do not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pipeline.leads.attributes import canonical
from pipeline.leads.values.answers import PLAIN_NO, PLAIN_YES
from pipeline.leads.values.moments import MILLISECONDS_FROM
from pipeline.scoring.encoding import Column, Feature, word
from schemas.model_card import LeftOut
from schemas.score import Value

MOSTLY = 0.95  # of the known values must be of a kind for the attribute to be of it
RARE = 10  # leads; words of fewer share a bucket, so that no label is about one person
WORDS_KEPT = 100
SAME = 0.999  # share of leads in one state from which an attribute is a constant
NEARLY_UNIQUE = 0.5  # distinct texts per lead that has one
COUNTS_UP = 20  # all whole numbers distinct, within this many times their number: a running number
SHORTEST_DATE = len("2020-01-01")
YES_FIRST = ("yes", *sorted(PLAIN_YES - {"yes"}))  # the first word is the label
NO_FIRST = ("no", *sorted(PLAIN_NO - {"no"}))
OWN = "$"  # begins the names of what we keep beside the vendor's attributes: each lead has its own
ID_WORDS = frozenset({"id", "ids", "uuid", "guid", "key", "number", "no", "nr"})


Counted = Counter[Value]  # leads by value


class Columns(NamedTuple):
    """The features found, with their words but no cuts yet (a training finds them), and the attributes left out."""

    features: tuple[Feature, ...]
    left_out: tuple[LeftOut, ...]


def columns(rows: Iterable[Mapping[str, Value]], without: Mapping[str, str] | None = None) -> Columns:
    """A feature per attribute, in the order of their names; `without`: attributes to leave out, with a reason."""
    unwanted = {canonical(name): reason for name, reason in (without or {}).items()}
    leads, counted = _counted(rows)
    features, left_out = [], []
    for name, values in sorted(counted.items()):
        reason = unwanted.get(canonical(name)) or _useless(name, values, leads)
        if reason:
            left_out.append(LeftOut(attribute=name, reason=reason))
        else:
            features.append(_feature(name, values))
    return Columns(tuple(features), tuple(left_out))


def _counted(rows: Iterable[Mapping[str, Value]]) -> tuple[int, dict[str, Counted]]:
    """The number of rows, and the counted values of each attribute, by its first spelling."""
    spelled: dict[str, str] = {}
    counted: dict[str, Counted] = {}
    leads = 0
    for row in rows:
        leads += 1
        for name, value in row.items():
            if name.startswith(OWN):
                continue
            if isinstance(value, bool):
                value = str(value)  # True and 1 are one key
            if value is not None and not (isinstance(value, str) and not word(value)):
                counted.setdefault(spelled.setdefault(canonical(name), name), Counter())[value] += 1
    return leads, counted


def _useless(name: str, values: Counted, leads: int) -> str | None:
    words, filled = _words(values), values.total()
    often = words.most_common(1)[0][1]
    if max(often, leads - filled) >= SAME * leads:
        return "the same for all leads but a few"
    if _is(values, "number"):
        return "a running number or an identifier" if _is_identifier(name, values) else None
    if _is(values, "age"):
        return None
    if len(words) > NEARLY_UNIQUE * filled or often < RARE:
        return "a text that nearly every lead has its own of"
    return None


def _is_identifier(name: str, values: Counted) -> bool:
    numbers = [number for number in _encoded(values, "number") if number == number]
    if len(values) < MOSTLY * values.total() or any(number % 1 for number in numbers):
        return False
    return canonical(name).rpartition("_")[2] in ID_WORDS or max(numbers) - min(numbers) < COUNTS_UP * len(numbers)


def _feature(name: str, values: Counted) -> Feature:
    words = _words(values)
    if words.keys() <= PLAIN_YES | PLAIN_NO and not words.keys() <= {"0", "1"}:
        # All spellings of yes share a code, because a CRM may switch from one to another.
        codes = {word: code for code, group in ((1, YES_FIRST), (2, NO_FIRST)) for word in group}
        return Feature(name, "category", codes=codes)
    if _is(values, "number"):
        # Moments as HubSpot sends them: no other number of a lead is as large.
        moments = all(abs(number) > MILLISECONDS_FROM for number in _encoded(values, "number"))
        return Feature(name, "age" if moments else "number")
    if _is(values, "age"):
        return Feature(name, "age")
    frequent = [word for word, leads in words.most_common(WORDS_KEPT) if leads >= RARE]
    return Feature(name, "category", codes={word: code for code, word in enumerate(sorted(frequent), start=1)})


def _is(values: Counted, kind: Literal["number", "age"]) -> bool:
    """Whether nearly all values can be read as a number, or as a moment."""
    fit = sum(
        leads
        for number, (value, leads) in zip(_encoded(values, kind), values.items(), strict=True)
        if number == number and (kind == "number" or _may_be_date(value))
    )
    return fit >= MOSTLY * values.total()


def _may_be_date(value: Value) -> bool:
    return isinstance(value, str) and len(value.strip()) >= SHORTEST_DATE


def _encoded(values: Counted, kind: Literal["number", "age"]) -> list[float]:
    feature = Feature("", kind)
    column = Column(feature)
    return [column.encode(value) for value in values]


def _words(values: Counted) -> Counter[str]:
    words: Counter[str] = Counter()
    for value, leads in values.items():
        words[word(value)] += leads
    return words
