"""A number is read however it is written, or not at all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.leads.values.numbers import DecimalMark, number_in


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("-3e2", -300),
        ("250.000,00", 250_000),
        ("EUR 1.250.000,5", 1_250_000.5),
        ("1.250.000", 1_250_000),
        ("12.500.000", 12_500_000),
        ("250,000.00", 250_000),
        ("1,250", 1250),
        ("1,25,000", 125_000),
        ("12345,67", 12_345.67),
        ("0,125", 0.125),
        ("1.250", 1.25),
        ("-5,5 %", -5.5),
        ("1 250 000,5 €", 1_250_000.5),
        ("250 000 000", 250_000_000),
        ("1\u00a0250", 1250),
        ("1\u202f250", 1250),
        ("1'250.50 CHF", 1250.5),
        ("1250EUR", 1250),
        ("EUR1250", 1250),
        ("1.250,50EUR", 1250.5),
        ("-€1,250", -1250),
        ("US$ 5", 5),
        ("(1,250)", -1250),
        ("$1.2M", 1_200_000),
        ("500k", 500_000),
        ("500K", 500_000),
        ("1,5 Mio.", 1_500_000),
        ("2 Mrd. €", 2_000_000_000),
        ("1 million", 1_000_000),
        ("3 lakh", 300_000),
        ("500k-1M", 750_000),
        ("$10k - $20k", 15_000),
        ("5-10k", 7500),
        ("50-100", 75),
        ("50–100", 75),
        ("50 to 100", 75),
        ("10.000,00-20.000,00 EUR", 15_000),
        ("1000+", 1000),
        ("10,000+", 10_000),
        ("250k+", 250_000),
        (">10000", 10_000),
        ("≥ 10", 10),
        ("more than 9000", 9000),
        ("100 or more", 100),
        ("<50", 50),
        ("up to 5,000", 5000),
        ("ca. 500", 500),
        ("~500", 500),
        ("12 %", 12),
    ],
)
def test_a_number_as_people_write_it(text: str, value: float) -> None:
    number = number_in(text)
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("€5", "EUR"),
        ("5 USD", "USD"),
        ("usd 5", "USD"),
        ("£1.2M", "GBP"),
        ("5k CHF", "CHF"),
        ("5", None),
        ("R$ 5", "BRL"),
    ],
)
def test_its_currency(text: str, currency: str | None) -> None:
    number = number_in(text)
    assert number is not None
    assert number.currency == currency


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "€",
        "nothing",
        "12 people",
        "REF 12",
        "22.11.2026",
        "1.2.3.4",
        "2026-11-22",
        "2026-11",
        "12/5",
        "10 20",
        "10,5,3",
        "1.2.3",
        "+49 30 1234567",
        "0170 1234567",
        "5-3-1",
        "²",
        "k",
        "1k2",
        "x" * 100,
        "555-1234-777",
    ],
)
def test_what_only_looks_like_a_number(text: str) -> None:
    assert number_in(text) is None


@pytest.mark.parametrize("text", ["450.000", "1,250", "12.500", "$1.250", "1,250+", "1.000-2.000"])
@pytest.mark.parametrize("mark", [".", ","])
def test_what_can_be_read_in_two_ways_says_so_and_is_decided_by_the_mark(text: str, mark: DecimalMark) -> None:
    number, read = number_in(text), number_in(text, mark)
    assert number is not None
    assert read is not None
    assert number.either
    assert (read.value < 1000) == (mark in text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1.5", "."),
        ("1,5", ","),
        ("1,250.5", "."),
        ("1.250,5", ","),
        ("1.250.000", ","),
        ("1,250,000", "."),
        ("1250", None),
    ],
)
def test_the_decimal_mark_that_a_text_shows(text: str, mark: DecimalMark | None) -> None:
    number = number_in(text)
    assert number is not None
    assert (number.mark, number.either) == (mark, False)


@example("1.5e999")
@example("5,5E-999")
@given(st.text(alphabet="0123456789.,'-+ €eEURkMio%()\u00a0", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    number = number_in(text)
    assert number is None or isinstance(number.value, float)


@given(st.integers(-(10**12), 10**12), st.sampled_from([",", ".", " ", "'", "\u00a0"]))
def test_a_grouped_number_is_the_number(value: int, separator: str) -> None:
    mark: DecimalMark = "," if separator == "." else "."
    number = number_in(f"{value:,}".replace(",", separator), mark)
    assert number is not None
    assert number.value == value
