"""Parses vendors' JSON bodies. The last of duplicate keys counts, for every reader of the body."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from pipeline.vendors.parse_result import NODE_LIMIT, UnreadableBody

T = TypeVar("T")
SHORTEST_NODE = 2  # bytes, as `1,`
QUOTES = 4  # at most, of a node: a key and a text


class Body(BaseModel):
    """Part of a vendor's body; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class CamelBody(Body):
    """Part of a body with camel-case names: `objectId` in the body is `object_id` here."""

    model_config = ConfigDict(alias_generator=to_camel)


def parse(body: bytes) -> Any:
    """Parses a body. Raises UnreadableBody if it is not JSON or too large; orjson itself ends at 1,024 levels."""
    if len(body) > SHORTEST_NODE * NODE_LIMIT and _nodes(body) > NODE_LIMIT:
        raise UnreadableBody(f"more than {NODE_LIMIT:,} values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody(f"not JSON: {error.msg} at byte {error.pos}") from None


def _nodes(body: bytes) -> int:
    """An upper bound of the number of values, at most twice as high; parsing a million takes a second."""
    nodes = _separators(body)
    if nodes <= NODE_LIMIT:
        return nodes
    # Only separators outside of strings count.
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    quotes = bare.count(b'"')
    return quotes // QUOTES if quotes > QUOTES * (NODE_LIMIT + 1) else _separators(b"".join(bare.split(b'"')[::2]))


def _separators(text: bytes) -> int:
    return text.count(b",") + text.count(b"{") + text.count(b"[")


def validated(adapter: TypeAdapter[T], parsed: object, at: str = "") -> T:
    """Validates a parsed body. Raises UnreadableBody with a pointer below `at`; its text never quotes a value."""
    try:
        return adapter.validate_python(parsed)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UnreadableBody(first["msg"], at + "".join(f"/{part}" for part in first["loc"])) from None


def listed(values: list[object], *keys: str) -> object:
    """Choices as one text, each by the first of these keys: `a, b, c`; None where nothing is chosen.

    A list with an object that has none of the keys is no list of choices, and stays as it is.
    """
    chosen = [plain(value, *keys) for value in values]
    if any(isinstance(value, dict | list) for value in chosen):
        return values
    return ", ".join(str(value) for value in chosen if value is not None) or None


def plain(value: object, *keys: str) -> object:
    """The value under the first of these keys if it comes wrapped in an object; otherwise the value itself."""
    if isinstance(value, dict):
        return next((value[key] for key in keys if key in value), value)
    return value
