"""XML as a vendor sends it: elements, attributes and text, and nothing that a parser could be led astray with.

A document type is refused where it begins, so there are no entities, inside or outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.vendors.report import UnreadableBody

DEPTH_LIMIT = 12  # elements within elements
ELEMENT_LIMIT = 100_000


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
        """Raises Unreadable if there is none."""
        found = next(self.all(name), None)
        if found is None:
            raise UnreadableBody(f"<{self.name}> has no <{name}>")
        return found


def parse(body: bytes) -> Element:
    """The root. Raises Unreadable for what is no XML in UTF-8, or not plain enough."""
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
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > DEPTH_LIMIT or self._elements > ELEMENT_LIMIT:
            raise UnreadableBody(f"more than {DEPTH_LIMIT} levels or {ELEMENT_LIMIT} elements")
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
