"""What the documents name exists: a path that moved is found here before a reader misses it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("docs/**/*.md"), *ROOT.glob("coordination/*.md"))
    if path.name != "test_matrix.md"  # generated, and its own tests look at what it names
)
ROOMS = (
    *("benchmarks", "commands", "coordination", "dashboard", "docs", "migrations", "pipeline", "schemas", "tasks"),
    *("tests", "workers"),
)
PATH = re.compile(rf"`((?:{'|'.join(ROOMS)})/[^`\s]*|[\w.-]+\.(?:cfg|js|md|py|toml|yaml|yml)|Dockerfile|Makefile)`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)[^)]*\)")
PLACEHOLDER = re.compile(r"<\w+>")  # as in pipeline/vendors/<vendor>/body.py

# Named by the documents, and made by work that is not merged yet.


def paths(document: str) -> Iterator[str]:
    text = (ROOT / document).read_text("utf-8")
    yield from PATH.findall(text)
    for link in LINK.findall(text):
        yield ((ROOT / document).parent / link).resolve().relative_to(ROOT).as_posix()


def exists(path: str) -> bool:
    """A placeholder stands for any name; the name of a file may stand without its folder, which the sentence names."""
    if "/" not in path:
        return (ROOT / path).is_file() or path in file_names()
    return any(ROOT.glob(PLACEHOLDER.sub("*", path.partition("::")[0].rstrip("/"))))


@cache
def file_names() -> frozenset[str]:
    return frozenset(path.name for room in ROOMS for path in (ROOT / room).rglob("*.*"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_path_exists(document: str) -> None:
    missing = {path for path in paths(document) if not exists(path)}
    assert missing == set()


@pytest.mark.parametrize("document", ["docs/architecture.md", "docs/glossary.md"])
def test_lines_outside_tables_are_short(document: str) -> None:
    lines = (ROOT / document).read_text("utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_words_stand_in_order_within_their_section() -> None:
    sections = (ROOT / "docs" / "glossary.md").read_text("utf-8").split("\n## ")[1:]
    for section in sections:
        words = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| ")][2:]
        assert words == sorted(words)


def test_every_decision_is_one_sentence_in_the_index() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    for number, path in enumerate(sorted((ROOT / "docs" / "decisions").glob("0*.md")), start=1):
        title, _, text = path.read_text("utf-8").partition("\n")
        quoted = text[text.index("\n> ") + 3 : text.index("\n\n**Decision.**")].replace("\n> ", " ")
        assert title.startswith(f"# {number}. ")
        assert f"| [{title[2:]}]({path.name}) | {quoted} |" in index
