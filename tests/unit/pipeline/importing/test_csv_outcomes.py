"""What the column of outcomes says, before anything is saved."""

import pytest

from pipeline.importing import csv_outcomes
from pipeline.importing.csv_outcomes import OutcomeColumn


def learned(won: str, *texts: str) -> OutcomeColumn:
    column = OutcomeColumn("Converted", won)
    for text in texts:
        column.learn(text)
    return column


@pytest.mark.parametrize(
    ("won", "texts"),
    [
        ("1", ["1", "1.0", "1.00", "01", " 1 ", "1,0", "+1", '="1"', "'1"]),
        ("1.0", ["1", "1.0"]),
        ("yes", ["yes", "YES", "Yes ", "yes\u00a0"]),
        ("TRUE", ["true", "True"]),
        ("Closed Won", ["closed won", "CLOSED  WON", " Closed\u00a0Won"]),
        ("Straße", ["STRASSE"]),
    ],
)
def test_a_won_lead_is_told_in_any_spelling(won: str, texts: list[str]) -> None:
    assert {OutcomeColumn("c", won).read(text) for text in texts} == {"won"}


@pytest.mark.parametrize(
    ("won", "texts"), [("1", ["0", "0.0", "10", "1.5", "-1", "yes", "11"]), ("yes", ["no", "y e s"]), ("10", ["1"])]
)
def test_any_other_value_is_lost(won: str, texts: list[str]) -> None:
    assert {OutcomeColumn("c", won).read(text) for text in texts} == {"lost"}


@pytest.mark.parametrize("text", ["", " ", "\u00a0", '=""'])
def test_an_empty_cell_is_no_outcome(text: str) -> None:
    assert OutcomeColumn("c", "1").read(text) is None


def test_each_value_is_explained() -> None:
    assert learned("1", "1.0", "0", "1.0", "", "ada@example.com", "x" * 50).explained() == [
        "How the leads ended, by 'Converted':",
        "  '1.0': won (2 rows)",
        "  '0': lost (1 rows)",
        "  empty: no outcome (1 rows)",
        "  a personal value: lost (1 rows)",
        f"  '{'x' * 40}…': lost (1 rows)",
    ]
    assert learned("1").explained() == []


@pytest.mark.parametrize(
    ("texts", "missing"),
    [(["0", "2"], "won"), (["1", "1.0"], "lost"), (["", " "], "won or lost"), (["1", "0"], None), ([], None)],
)
def test_where_an_outcome_does_not_occur_it_says_so(texts: list[str], missing: str | None) -> None:
    found = learned("1", *texts).one_sided()
    assert found == (None if missing is None else f"no row of 'Converted' is {missing}")


def test_a_column_of_too_many_values_is_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_outcomes, "VALUES_KEPT", 3)
    monkeypatch.setattr(csv_outcomes, "VALUES_SHOWN", 2)
    column = learned("1", "a", "b", "c", "d", "1", "e", "", "a")
    assert (column.rows(csv_outcomes.Outcome.WON), column.rows(csv_outcomes.Outcome.LOST)) == (1, 6)
    assert column.explained()[-1] == "  other values: 5 rows"
