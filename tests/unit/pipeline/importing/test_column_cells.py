"""A column is read by all its values, by the other columns and by the separator."""

import pytest

from pipeline.importing.column_cells import ColumnReading, ColumnSurvey, readings


def survey(*columns: list[str], separator: str = ",") -> list[ColumnReading]:
    surveys = [ColumnSurvey() for _ in columns]
    for column, texts in zip(surveys, columns, strict=True):
        for text in texts:
            if text not in column.seen:
                column.learn(text)
    return readings(surveys, separator)


def test_one_value_tells_how_the_others_are_written() -> None:
    assert survey(["450.000", "1.250.000", "90.000"])[0].style.mark == ","
    assert survey(["450,000", "1,250.5"])[0].style.mark == "."
    assert survey(["03/04/2026", "27/11/2026"])[0].style.day_place == 1
    assert survey(["03/04/2026", "11/27/2026"])[0].style.day_place == 2


def test_another_column_tells_where_this_one_does_not() -> None:
    assert survey(["450.000"], ["1,5"])[0].style.mark == ","
    assert survey(["03/04/2026"], ["27/11/2026"])[0].style.day_place == 1


def test_a_contradiction_tells_nothing() -> None:
    assert survey(["1.5", "1,5"])[0].style.mark is None
    assert survey(["27/11/2026", "11/27/2026", "1/2/2026"])[0].style.day_place is None


def test_semicolons_separate_where_the_comma_is_the_decimal_mark() -> None:
    assert survey(["450.000"], separator=";")[0].style.mark == ","
    assert survey(["450.000"], separator="\t")[0].style.mark is None
    assert survey(["1.5"], separator=";")[0].style.mark == "."


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1.250,50", "2.000,00"], "number"),
        (["5", "", "n/a"], "number"),
        (["27/11/2026", "03/04/2026", ""], "timestamp"),
        (["24 Nov 2026"], "timestamp"),
        (["5", "red", "blue"], None),
        (["0170 1234567", "0171 7654321"], None),
        (["007", "008"], None),
        (["+49 30 1234567"], None),
        (["red"], None),
        ([""], None),
    ],
)
def test_what_a_column_without_a_known_name_is(texts: list[str], kind: str | None) -> None:
    assert survey(texts)[0].kind == kind
