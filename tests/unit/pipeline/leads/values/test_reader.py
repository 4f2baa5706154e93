"""Every value is read in one place: it becomes what its attribute is, or stays as it was and the doubt is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.leads.values.column_style import ColumnStyle
from pipeline.leads.values.reader import NUMBER_LIMIT, Doubt, ValueKind, read
from schemas.score import Value

KINDS: list[ValueKind] = ["number", "money", "boolean", "text", "timestamp", "days_until"]
MISSING = [
    "",
    "  ",
    "-",
    "—",
    "--",
    "?",
    "...",
    "#N/A",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    "--None--",
    "- None -",
    "(not set)",
    "(Not Set)",
    "[not provided]",
    "Select",
    "Please select",
    "-- Select --",
    "select one...",
    "undefined",
    "inf",
    "Infinity",
    "-inf",
    "k.A.",
    "keine Angabe",
    "Bitte wählen",
    "#REF!",
    "#VALUE!",
    "0001-01-01",
    "1970-01-01T00:00Z",
]


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("value", [None, *MISSING])
def test_what_says_that_there_is_no_value_is_none(kind: ValueKind | None, value: Value) -> None:
    assert read(value, kind) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    ["NA", "KA", "***", "empty", "no", "nothing", "Namibia", "Selected", "1", "0", "10", "x", "other", "information"],
)
def test_what_is_a_value_stays_one(text: str) -> None:
    assert read(text, None).value == text


def test_a_word_may_be_a_value_where_the_configuration_says_so() -> None:
    assert read("None", "text", means={"none"}).value == "None"


@pytest.mark.parametrize(
    "value",
    ["Y", "y", "yes", "YES", "x", "X", "on", "1", "1.0", 1, 1.0, True, "true", "Ja", "oui", "sí", "Si", "sim", "✓"],
)
def test_yes(value: Value) -> None:
    assert read(value, "boolean").value is True


@pytest.mark.parametrize("value", ["N", "no", "NO", "off", "0", "0.0", 0, False, "false", "Nein", "non", "não"])
def test_no(value: Value) -> None:
    assert read(value, "boolean").value is False


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("12 people", "number"),
        (True, "number"),
        ("1e300", "number"),
        ("perhaps", "boolean"),
        (2, "boolean"),
        ("soon", "timestamp"),
        (True, "timestamp"),
        (7, "timestamp"),
        ("in spring", "days_until"),
    ],
)
def test_what_cannot_be_read_stays_and_is_told(value: Value, kind: ValueKind) -> None:
    assert read(value, kind) == (value, Doubt.UNREADABLE, None)


@pytest.mark.parametrize(
    ("value", "kind"), [("450.000", "money"), ("03/04/2026", "timestamp"), ("1,250", "days_until")]
)
def test_what_can_be_read_in_two_ways_is_told_until_the_column_decides(value: str, kind: ValueKind) -> None:
    assert read(value, kind).doubt is Doubt.AMBIGUOUS
    assert read(value, kind, ColumnStyle(",", 1)).doubt is None


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("30", 30),
        (30, 30),
        ("30.5", 30.5),
        ("2027-01-05", "2027-01-05T00:00:00+00:00"),
        ("46350", "2026-11-24T00:00:00+00:00"),
        ("24.11.2026", "2026-11-24T00:00:00+00:00"),
        (1795478400000, "2026-11-24T00:00:00+00:00"),
    ],
)
def test_a_countdown_is_days_or_the_moment_itself(value: Value, becomes: Value) -> None:
    assert read(value, "days_until").value == becomes


@given(
    st.sampled_from([None, *KINDS]),
    st.text(max_size=30) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
)
def test_whatever_comes_it_stays_fit_to_store(kind: ValueKind | None, value: Value) -> None:
    became = read(value, kind).value
    if isinstance(became, int | float) and not isinstance(value, int | float):
        assert abs(became) < NUMBER_LIMIT


@given(st.sampled_from([None, *KINDS]), st.text(max_size=30) | st.integers(-10, 10**10) | st.booleans())
def test_what_was_read_is_read_the_same_again(kind: ValueKind | None, value: Value) -> None:
    once = read(value, kind)
    again = read(once.value, kind)
    assert (once.doubt is not None) or again.value == once.value
