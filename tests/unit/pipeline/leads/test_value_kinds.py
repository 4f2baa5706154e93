"""Texts become what they are; what is of another kind stays as it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.leads.attributes import NUMBER_LIMIT
from pipeline.leads.value_kinds import ValueKind, coerce, number_in
from schemas.score import Value

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS: list[ValueKind] = ["number", "boolean", "text", "timestamp", "days_until"]


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("number", "120", 120),
        ("number", " 1.5 ", 1.5),
        ("number", "-3e2", -300),
        ("number", "12 people", "12 people"),
        ("number", "nan", "nan"),
        ("number", "1e300", "1e300"),
        ("number", 7, 7),
        ("boolean", "True", True),
        ("boolean", "no", False),
        ("boolean", 1, True),
        ("boolean", "perhaps", "perhaps"),
        ("text", 12, "12"),
        ("text", True, "true"),
        ("timestamp", "1795348800000", "2026-11-22T12:00:00+00:00"),
        ("timestamp", 1795348800, "2026-11-22T12:00:00+00:00"),
        ("timestamp", "2026-11-22T13:00:00+01:00", "2026-11-22T12:00:00+00:00"),
        ("timestamp", "2026-11-22", "2026-11-22T00:00:00+00:00"),
        ("timestamp", "soon", "soon"),
        ("timestamp", "99999999999999999", "99999999999999999"),
        ("timestamp", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59"),
        ("days_until", "2026-12-02", 9),
        ("days_until", "2026-11-22", 0),
        ("days_until", "2026-11-20", None),
        ("days_until", "in spring", "in spring"),
    ],
)
def test_values(kind: ValueKind, value: Value, becomes: Value) -> None:
    coerced = coerce(value, kind, NOW)
    assert (coerced, type(coerced)) == (becomes, type(becomes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_text_is_no_value(kind: ValueKind, value: Value) -> None:
    assert coerce(value, kind, NOW) is None


def test_without_a_clock_no_days_are_counted() -> None:
    """A column of an import, whose rows each have their own."""
    assert coerce("2026-12-02", "days_until") == "2026-12-02"


@given(st.sampled_from(KINDS), st.text(max_size=30) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_whatever_comes_it_stays_fit_to_store(kind: ValueKind, value: Value) -> None:
    coerced = coerce(value, kind, NOW)
    if isinstance(coerced, int | float) and not isinstance(value, int | float):
        assert abs(coerced) < NUMBER_LIMIT


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250.000,00", 250_000),
        ("EUR 1.250.000,5", 1_250_000.5),
        ("1.250.000", 1_250_000),
        ("250,000.00", 250_000),
        ("1,250", 1250),
        ("1,25,000", 125_000),
        ("12345,67", 12_345.67),
        ("0,125", 0.125),
        ("1.250", 1.25),
        ("-5,5 %", -5.5),
        ("1 250 000,5 €", 1_250_000.5),
        ("1\u00a0250", 1250),
        ("1'250.50 CHF", 1250.5),
        ("1250EUR", 1250),
        ("EUR1250", 1250),
        ("1.250,50EUR", 1250.5),
        ("-€1,250", -1250),
    ],
)
def test_a_number_is_read_as_its_country_writes_it(text: str, number: float) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["22.11.2026", "1.2.3.4", "2026-11-22", "+49 30 1234567", "10 20", "REF 12", "-", "€"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert number_in(text) is None


@given(st.text(alphabet="0123456789.,'-+ €EUR\u00a0", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert number_in(text) is None or isinstance(number_in(text), float)
