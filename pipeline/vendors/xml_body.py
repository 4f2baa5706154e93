"""Parses a vendor's XML into elements, attributes and text, without the features of XML that can be abused.

A document type is refused where it begins, so there are no entities, inside or outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.vendors.parse_result import NODE_LIMIT, UnreadableBody

DEPTH_LIMIT = 12  # elements within elements
TAGS = 2  # of an element
TOO_MUCH = f"more than {DEPTH_LIMIT} levels or {NODE_LIMIT:,} elements and attributes"


@dataclass
class Element:
    """`name` without its namespace."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: "list[Element]" = field(default_factory=list)

    def all(self, name: str) -> "Iterator[Element]":
        return (child for child in self.children if child.name == name)

    def child(self, name: str) -> "Element":
        """The first child of this name. Raises UnreadableBody if there is none."""
        element = next(self.all(name), None)
        if element is None:
            raise UnreadableBody(f"<{self.name}> has no <{name}>")
        return element


def parse(body: bytes) -> Element:
    """The root element. Raises UnreadableBody for anything but plain XML in UTF-8."""
    # The parser itself would read all attributes of an element before it reports them.
    if body.count(b"<") > TAGS * (NODE_LIMIT + 1) or body.count(b"=") > NODE_LIMIT:
        raise UnreadableBody(TOO_MUCH)
    tree = _Tree()
    # A given encoding counts more than a declared one.
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise UnreadableBody(f"not XML: {expat.ErrorString(error.code)} in line {error.lineno}") from None
    return tree.root.children[0]


class _Tree:
    def __init__(self) -> None:
        self.root = Element("", {})
        self._open = [self.root]
        self._nodes = 0  # elements and attributes

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if len(self._open) > DEPTH_LIMIT or self._nodes > NODE_LIMIT:
            raise UnreadableBody(TOO_MUCH)
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _no_doctype(*_: object) -> None:
    raise UnreadableBody("a document type has no place here")
