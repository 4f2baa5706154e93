"""Every requirement has a proof that exists, or a reason why not."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from coordination.integration_test_matrix import PAGE, Matrix, load, page

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load()


@cache
def ids_of(path: str) -> frozenset[str]:
    """Read from the syntax, because collecting imports everything and starts servers."""
    if not (ROOT / path).is_file():
        return frozenset()
    return frozenset(f"{path}::{name}" for name in _names(ast.parse((ROOT / path).read_text("utf-8"))))


def _names(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            yield from _names(child, f"{prefix}{child.name}::")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test_"):
            yield prefix + child.name


def test_every_named_test_exists(matrix: Matrix) -> None:
    named = {test for requirement in matrix.all for test in requirement.tests}
    assert sorted(test for test in named if test not in ids_of(test.partition("::")[0])) == []


def test_every_named_file_exists(matrix: Matrix) -> None:
    named = {path for requirement in matrix.all for path in requirement.evidence}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_requirement_has_a_proof_or_a_reason(matrix: Matrix) -> None:
    without = [each.id for each in matrix.all if not (each.is_proved or each.planned or each.outside)]
    assert without == []
    assert {each.planned for each in matrix.all if each.planned} == matrix.planned.keys()


def test_ids_are_unique(matrix: Matrix) -> None:
    ids = [requirement.id for requirement in matrix.all]
    assert len(set(ids)) == len(ids)


def test_the_page_is_current(matrix: Matrix) -> None:
    assert PAGE.read_text("utf-8") == page(matrix), "run `python -m coordination.integration_test_matrix`"
