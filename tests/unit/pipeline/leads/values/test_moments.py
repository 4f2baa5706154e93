"""A moment is read however it is written, or not at all."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.leads.values.moments import DayPlace, moment_in

DAY = datetime(2026, 11, 24, tzinfo=UTC)
AFTERNOON = datetime(2026, 11, 24, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-24", DAY),
        (" 2026-11-24T15:06Z ", AFTERNOON),
        ("2026-11-24 15:06:00", AFTERNOON),
        ("2026-11-24T17:06+02:00", AFTERNOON),
        ("2026-11-24T15:06:00.000+0000", AFTERNOON),
        ("2026-11-24 16:06 CET", AFTERNOON),
        ("2026-11-24 10:06 EST", AFTERNOON),
        ("2026-11-24 15:06 UTC", AFTERNOON),
        ("2026-11-24 16:06:00 Europe/Berlin", AFTERNOON),
        ("2026/11/24", DAY),
        ("2026.11.24", DAY),
        ("24/11/2026", DAY),
        ("11/24/2026", DAY),
        ("24.11.2026", DAY),
        ("24-11-2026", DAY),
        ("24.11.26", DAY),
        ("24.11.2026 15:06:00", AFTERNOON),
        ("24.11.2026, 3:06 PM", AFTERNOON),
        ("24.11.2026 12:00 am", DAY),
        ("24.11.2026, 15:06 Uhr", AFTERNOON),
        ("24 Nov 2026", DAY),
        ("24. November 2026", DAY),
        ("24-Nov-2026", DAY),
        ("Nov 24, 2026", DAY),
        ("November 24th, 2026 at 3:06pm", AFTERNOON),
        ("Tue, 24 Nov 2026 15:06:00 GMT", AFTERNOON),
        ("24 novembre 2026", DAY),
        ("24 de noviembre de 2026", DAY),
        ("20261124", DAY),
        (20261124, DAY),
        ("46350", DAY),
        (46350, DAY),
        ("46350.62916666667", AFTERNOON - timedelta(seconds=0)),
        ("1795478400", DAY),
        ("1795478400000", DAY),
        (1795478400000, DAY),
        ("1795478400000000", DAY),
        (1795478400.0, DAY),
    ],
)
def test_a_moment_as_people_and_systems_write_it(value: str | float, moment: datetime) -> None:
    read = moment_in(value)
    assert read is not None
    assert read.value is not None
    assert abs(read.value - moment) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "value",
    [
        "0",
        0,
        "0001-01-01",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00Z",
        "1970-01-01",
        "1899-12-30",
        "01/01/1900",
        "1601-01-01",
    ],
)
def test_what_stands_for_no_moment(value: str | float) -> None:
    read = moment_in(value)
    assert read is not None
    assert read.value is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-13-01",
        "31.2.2026",
        "31/31/2026",
        "99",
        99,
        "2026",
        "2026-03",
        "2026/03/04 25:00",
        "10:30",
        "May",
        "1.5",
        "24 Foo 2026",
        "24.11",
        "x" * 100,
        "9" * 40,
        float("inf"),
        "2026-11-24 15:06 Nowhere",
        "24.11.2026 and more",
        "12/2026",
    ],
)
def test_what_is_no_moment(value: str | float) -> None:
    assert moment_in(value) is None


@pytest.mark.parametrize(("place", "month"), [(1, 4), (2, 3)])
def test_what_can_be_read_in_two_ways_says_so_and_is_decided_by_the_place(place: DayPlace, month: int) -> None:
    undecided, read = moment_in("03/04/2026"), moment_in("03/04/2026", place)
    assert undecided is not None
    assert undecided.either
    assert read is not None
    assert read.value is not None
    assert read.value.month == month


@pytest.mark.parametrize(
    ("text", "place"), [("27/11/2026", 1), ("11/27/2026", 2), ("27.11.2026", 1), ("4/4/2026", None)]
)
def test_the_place_of_the_day_that_a_text_shows(text: str, place: DayPlace | None) -> None:
    read = moment_in(text)
    assert read is not None
    assert (read.day_place, read.either) == (place, False)


FORMS = ["%d.%m.%Y", "%Y-%m-%d", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "%d-%b-%Y"]


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.sampled_from(FORMS))
def test_any_day_in_any_form_is_that_day(day: date, form: str) -> None:
    read = moment_in(day.strftime(form))
    assert read is not None
    assert read.value is not None
    assert read.value.date() == day


@given(st.text(max_size=40) | st.floats())
def test_anything_is_read_or_refused(value: str | float) -> None:
    read = moment_in(value)
    assert read is None or read.value is None or read.value.tzinfo is UTC
