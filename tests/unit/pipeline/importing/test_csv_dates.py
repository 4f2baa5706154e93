from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.importing.csv_dates import Dates

DAY = datetime(2026, 3, 4, tzinfo=UTC)
AFTERNOON = datetime(2026, 3, 4, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-04", DAY),
        (" 2026-03-04T15:06Z ", AFTERNOON),
        ("2026-03-04 15:06:00", AFTERNOON),
        ("2026-03-04T15:06+02:00", AFTERNOON.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("2026/3/4", DAY),
        ("2026/03/04 15:06", AFTERNOON),
        ("4.3.2026", DAY),
        ("04.03.2026 15:06:00", AFTERNOON),
        ("04.03.2026, 3:06 PM", AFTERNOON),
        ("04.03.2026 12:00 am", DAY),
        ("1772582400", DAY),
        ("1772582400000", DAY),
    ],
)
def test_moments_as_spreadsheets_write_them(text: str, moment: datetime) -> None:
    assert Dates().read(text) == moment


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "31.2.2026", "99", "2026/03/04 25:00", "4.3.26", "2026-03"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="not a date that can be read"):
        Dates().read(text)


@pytest.mark.parametrize(("shown", "moment"), [("31/12/2026", DAY), ("12/31/2026", datetime(2026, 4, 3, tzinfo=UTC))])
def test_the_column_tells_which_part_is_the_day(shown: str, moment: datetime) -> None:
    dates = Dates()
    for text in ("4/3/2026", shown):
        dates.learn(text)
    assert dates.read("4/3/2026") == moment


@pytest.mark.parametrize("column", [["1/2/2026"], ["31/12/2026", "12/31/2026"]])
def test_where_it_does_not_none_is_guessed(column: list[str]) -> None:
    dates = Dates()
    for text in column:
        dates.learn(text)
    with pytest.raises(ValueError, match="day or month first"):
        dates.read(column[0])
