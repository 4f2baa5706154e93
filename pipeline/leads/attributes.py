"""Makes the attributes that a CRM sends fit to store: flat, finite, bounded, valid UTF-8."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

from pipeline.errors import Malformed
from pipeline.leads.values.reader import NUMBER_LIMIT
from schemas.score import Value

NAME_LIMIT = 200  # characters
DEPTH_LIMIT = 8  # objects within objects
RESERVED = "$*@"  # first characters of our own names beside a lead's attributes
UNFIT = re.compile("[\0\ud800-\udfff]")  # jsonb cannot hold NUL, UTF-8 no half of a pair
WORD_BOUNDARY = re.compile(r"([^\W_])(?=[A-Z])")
# A dot between two words leads into an object; any other is punctuation, as in `No. of Employees`.
BETWEEN_WORDS = re.compile(r"(?:(?!(?<=\w)\.(?=\w))[\W_])+")


class FlatAttributes(NamedTuple):
    """`values` by dotted name. `objects`: names that held an object or a list, which the new leaves replace whole."""

    values: dict[str, Value]
    objects: frozenset[str]


@lru_cache(maxsize=8192)
def canonical(name: str) -> str:
    """One spelling for `Total Visits`, `totalVisits` and `total_visits`: they are one attribute."""
    if name.startswith("$"):
        return name
    composed = normalize("NFC", name)
    apart = WORD_BOUNDARY.sub(lambda match: match[1] if match[1].isupper() else f"{match[1]}_", composed)
    return BETWEEN_WORDS.sub("_", apart.casefold()).strip("_").replace("_.", ".").replace("._", ".") or name


def flatten(body: Mapping[str, object], *, at: str, most: int, text_limit: int, cut: bool = False) -> FlatAttributes:
    """Turns objects into dotted names and lists into one text; raises Malformed with a pointer below `at`.

    With `cut`, a value out of bounds is cut to what fits, for senders who could do nothing about it.
    """
    attributes: dict[str, Value] = {}
    objects: list[str] = []
    for name, value, pointer in _leaves(body, "", at, 0, objects):
        attributes[name] = plain(value, pointer, text_limit, cut=cut)
        if len(attributes) > most:
            raise Malformed(f"more than {most} attributes", pointer=at)
    return FlatAttributes(attributes, frozenset(objects))


def _leaves(
    node: Mapping[str, object], above: str, at: str, depth: int, objects: list[str]
) -> Iterator[tuple[str, object, str]]:
    if depth > DEPTH_LIMIT:
        raise Malformed(f"nested deeper than {DEPTH_LIMIT} objects", pointer=at)
    for key, value in node.items():
        pointer = f"{at}/{_fit(key).replace('~', '~0').replace('/', '~1')}"
        name = above + key
        if isinstance(value, list):
            value = _listed(value)
        if isinstance(value, Mapping):
            if name:
                objects.append(_fit(name))
            yield from _leaves(value, f"{name}.", pointer, depth + 1, objects)
        else:
            yield _name(name, pointer), value, pointer


def _listed(values: list[object]) -> object:
    if any(isinstance(value, Mapping | list) for value in values):
        return {str(n): value for n, value in enumerate(values)}
    return ", ".join("" if value is None else str(value) for value in values) or None


def _name(name: str, pointer: str) -> str:
    if not name or len(name) > NAME_LIMIT:
        raise Malformed(f"an attribute name must have 1 to {NAME_LIMIT} characters", pointer=pointer[:NAME_LIMIT])
    if name[0] in RESERVED:
        name = f"_{name[1:]}"
    return _fit(name)


def plain(value: object, pointer: str, text_limit: int, *, cut: bool = False) -> Value:
    """One value made fit to store; raises Malformed with `pointer` if it is not, unless it may be `cut`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > text_limit and not cut:
            raise Malformed(f"a text must not exceed {text_limit} characters", pointer=pointer)
        return _fit(value[:text_limit])
    if isinstance(value, int | float) and abs(value) < NUMBER_LIMIT:  # NaN compares false
        return value
    if cut:
        return str(value)[:text_limit]
    raise Malformed(f"a number must be finite and below {NUMBER_LIMIT:g}", pointer=pointer)


def _fit(text: str) -> str:
    # Neither NUL nor half a surrogate pair is printable, and `isprintable` costs a third of the search.
    return text if text.isprintable() else UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
