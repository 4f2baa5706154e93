"""Requirement → the tests that prove it: `python -m coordination.integration_test_matrix` writes docs/test_matrix.md.

The requirements stand in `requirements.yaml` beside this file.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import yaml
from pydantic import Field

from schemas.frozen import Frozen

REQUIREMENTS = Path(__file__).with_name("requirements.yaml")
PAGE = Path(__file__).parents[1] / "docs" / "test_matrix.md"
HEAD = """# Test matrix

Written by `python -m coordination.integration_test_matrix` from `coordination/requirements.yaml`; change that file.
A unit test fails if a test that is named here does not exist, or if a requirement has neither a proof nor a reason.
"""


class Requirement(Frozen):
    """`tests` and `evidence` prove it; `planned` names the capability that brings the rest, `outside` why none can."""

    id: str
    text: str
    tests: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    planned: str | None = None
    outside: str | None = None

    @property
    def is_proved(self) -> bool:
        """Whether something of this repository proves it, at least in part."""
        return bool(self.tests or self.evidence)


class Matrix(Frozen):
    """`planned`: what each capability to come is, by its name. `requirements`: by section."""

    planned: dict[str, str]
    requirements: dict[str, tuple[Requirement, ...]] = Field(min_length=1)

    @property
    def all(self) -> tuple[Requirement, ...]:
        return tuple(chain.from_iterable(self.requirements.values()))


def load() -> Matrix:
    return Matrix.model_validate(yaml.safe_load(REQUIREMENTS.read_text("utf-8")))


def page(matrix: Matrix) -> str:
    """The matrix as Markdown: a summary, and a table a section."""
    sections = [_section(title, requirements, matrix) for title, requirements in matrix.requirements.items()]
    return "\n".join([HEAD, _summary(matrix.all), *sections])


def _summary(requirements: Sequence[Requirement]) -> str:
    proved = sum(requirement.is_proved for requirement in requirements)
    tests = {test for requirement in requirements for test in requirement.tests}
    planned = sum(requirement.planned is not None for requirement in requirements)
    outside = sum(requirement.outside is not None for requirement in requirements)
    return (
        f"{len(requirements)} requirements: {proved} have a proof here ({len(tests)} different tests), "
        f"{planned} wait for a capability in whole or in part, {outside} are outside the software.\n"
    )


def _section(title: str, requirements: Sequence[Requirement], matrix: Matrix) -> str:
    rows = [f"| {each.id} | {each.text} | {'<br>'.join(_proofs(each, matrix))} |" for each in requirements]
    return "\n".join([f"## {title}", "", "| id | requirement | proof |", "| --- | --- | --- |", *rows, ""])


def _proofs(requirement: Requirement, matrix: Matrix) -> Iterator[str]:
    for proof in (*requirement.tests, *requirement.evidence):
        yield f"`{proof}`"
    if requirement.planned:
        yield f"planned: {matrix.planned[requirement.planned]}"
    if requirement.outside:
        yield f"outside: {requirement.outside}"


def main() -> None:
    PAGE.write_text(page(load()), "utf-8")


if __name__ == "__main__":
    main()
