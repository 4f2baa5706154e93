"""A number in the README comes from a file in benchmarks/results."""

import re

import pytest

from benchmarks import figures


def test_the_readme_shows_the_figures_of_the_results() -> None:
    text = figures.README.read_text(encoding="utf-8")
    assert text == figures.current(text), "run `python -m benchmarks.figures`"


@pytest.mark.parametrize(
    "figure", [r"p50 [\d.]+ ms, p99 [\d.]+ ms \| what-if", r"[\d.]+ µs \(Standard", r"ROC-AUC 0\.\d+"]
)
def test_another_figure_is_found_and_put_right(figure: str) -> None:
    text = figures.README.read_text(encoding="utf-8")
    wrong = re.sub(figure, lambda found: re.sub(r"\d", "1", found[0]), text)
    assert wrong != text
    assert figures.current(wrong) == text


def test_a_readme_without_the_lines_between_which_figures_stand_is_told() -> None:
    with pytest.raises(SystemExit, match="must hold the lines"):
        figures.current("# A title\n")
