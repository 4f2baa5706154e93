"""Reads a moment however it is written: ISO 8601, `27/11/2026`, `24. Nov 2026 3 pm CET`, 20261124, 46350."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DayPlace = Literal[1, 2]  # of the first two numbers of `03/04/2026`

LONGEST = 64  # characters
LOCALES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv")  # of which months are known by name
HOURS = {
    **dict.fromkeys(("z", "utc", "gmt", "wet"), 0.0),
    **dict.fromkeys(("cet", "mez", "bst", "west"), 1.0),
    **dict.fromkeys(("cest", "mesz", "eet"), 2.0),
    "eest": 3.0,
    "msk": 3.0,
    "ist": 5.5,
    "jst": 9.0,
    "aest": 10.0,
    "aedt": 11.0,
    "nzst": 12.0,
    "nzdt": 13.0,
    "edt": -4.0,
    "est": -5.0,
    "cdt": -5.0,
    "cst": -6.0,
    "mdt": -6.0,
    "mst": -7.0,
    "pdt": -7.0,
    "pst": -8.0,
}
YEAR_FIRST = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)(.*)", re.DOTALL)
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
WORDED = re.compile(
    r"(?:[^\W\d]{2,12}[.,]*\s+)?(?:"
    r"(?P<d1>\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-]*(?:de\s+)?(?P<m1>[^\W\d]{3,12})\.?,?[\s-]*(?:de\s+)?(?P<y1>\d{4})"
    r"|(?P<m2>[^\W\d]{3,12})\.?\s+(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y2>\d{4})"
    r")(?!\d)(?P<rest>.*)",
    re.DOTALL,
)
CLOCK = re.compile(
    r"[\s,]*(?:T|at|um|à)?[\s,]*(\d{1,2})(?::(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\s*([AaPp]\.?\s?[Mm]\.?|Uhr|h\b)?(.*)",
    re.DOTALL,
)
OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
# A spreadsheet counts days since then; within these bounds (1982 to 2064) a number is one of those.
SPREADSHEET_ORIGIN = datetime(1899, 12, 30, tzinfo=UTC)
SPREADSHEET_DAYS = range(30_000, 60_001)
# Seconds since 1970 from 1990 on; the same in milliseconds, microseconds and nanoseconds lie far apart.
SECONDS = (6e8, 1e11)
MILLISECONDS_FROM = 1e11
SCALES = (1.0, 1e3, 1e6, 1e9)
TWO_DIGIT_YEARS_UNTIL = 69  # 69 is 1969, as POSIX reads it
NEVER_YEARS = frozenset({1, 1601, 1899, 1900})  # in whose first days systems write that there is no date


class Moment(NamedTuple):
    """`value` None: the text stands for no moment. `day_place`: which part of the text is the day, if it shows that.
    `either`: whether the text reads otherwise with the other part as the day."""

    value: datetime | None
    day_place: DayPlace | None = None
    either: bool = False


class Date(NamedTuple):
    year: int
    month: int
    day: int
    day_place: DayPlace | None = None
    either: bool = False


def moment_in(value: str | float, day_place: DayPlace | None = None) -> Moment | None:
    """The moment in UTC, or None. A time without a zone is UTC. `day_place` decides what may be read in two ways."""
    try:
        if not isinstance(value, str):
            return _numbered(float(value))
        text = value.strip()
        if len(text) > LONGEST:
            return None
        return _numbered(float(text)) if DIGITS.fullmatch(text) else _written(text, day_place)
    except (ValueError, OverflowError, OSError):
        return None


def _numbered(number: float) -> Moment | None:
    if number == 0:
        return Moment(None)
    if number.is_integer() and COMPACT.fullmatch(digits := str(int(number))):
        return Moment(datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:]), tzinfo=UTC))
    if SPREADSHEET_DAYS.start <= number < SPREADSHEET_DAYS.stop:
        return Moment(SPREADSHEET_ORIGIN + timedelta(days=number))
    for scale in SCALES:
        if SECONDS[0] <= abs(number) / scale < SECONDS[1]:
            return Moment(datetime.fromtimestamp(number / scale, UTC))
    return None


def _written(text: str, day_place: DayPlace | None) -> Moment | None:
    iso = _iso(text)
    if iso is not None:
        return Moment(None if _is_never(iso) else iso)
    found = _date(text, day_place)
    if found is None:
        return None
    date, rest = found
    moment = _at(datetime(date.year, date.month, date.day, tzinfo=UTC), rest)
    if moment is None:
        return None
    return Moment(None if _is_never(moment) else moment, date.day_place, date.either)


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _is_never(moment: datetime) -> bool:
    return (moment.year in NEVER_YEARS and moment.month in (1, 12)) or moment.timestamp() == 0


def _date(text: str, day_place: DayPlace | None) -> tuple[Date, str] | None:
    if match := YEAR_FIRST.fullmatch(text):
        return Date(int(match[1]), int(match[2]), int(match[3])), match[4]
    if match := DAY_OR_MONTH_FIRST.fullmatch(text):
        return _numbers(int(match[1]), int(match[3]), _year(match[4]), match[2], day_place), match[5]
    if match := WORDED.fullmatch(text):
        month = month_names().get((match["m1"] or match["m2"]).casefold().rstrip("."))
        if month is not None:
            year, day = int(match["y1"] or match["y2"]), int(match["d1"] or match["d2"])
            return Date(year, month, day), match["rest"]
    return None


def _numbers(first: int, second: int, year: int, sign: str, day_place: DayPlace | None) -> Date:
    if first > 12 or second > 12:
        shown: DayPlace = 1 if first > 12 else 2
        return Date(year, *((second, first) if shown == 1 else (first, second)), day_place=shown)
    # Between dots the day comes first in every country that writes so.
    place: DayPlace = day_place or (1 if sign == "." else 2)
    either = sign != "." and first != second
    month, day = (second, first) if place == 1 else (first, second)
    return Date(year, month, day, 1 if sign == "." else None, either)


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < TWO_DIGIT_YEARS_UNTIL else 1900)


def _at(day: datetime, rest: str) -> datetime | None:
    """The moment of that day; None if `rest` is neither empty nor a time of day with or without a zone."""
    if not rest.strip():
        return day
    match = CLOCK.fullmatch(rest)
    if match is None or not (match[2] or match[4]):
        return None
    zone = _zone(match[5].strip())
    if zone is None:
        return None
    hour = int(match[1])
    if match[4] and match[4][0] in "aApP":
        hour = hour % 12 + (12 if match[4][0] in "pP" else 0)
    clock = day.replace(hour=hour, minute=int(match[2] or 0), second=int(match[3] or 0), tzinfo=zone)
    return clock.astimezone(UTC)


def _zone(text: str) -> tzinfo | None:
    text = text.strip("()[] ")
    if not text:
        return UTC
    hours = HOURS.get(text.casefold())
    if hours is not None:
        return timezone(timedelta(hours=hours))
    if match := OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(text) if "/" in text else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


@lru_cache(maxsize=1)
def month_names() -> dict[str, int]:
    """The number of each month by its names and short names in the languages of LOCALES."""
    from babel.dates import get_month_names  # loaded with the first worded date: it reads files

    names = {
        name.casefold().rstrip("."): month
        for locale in LOCALES
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for month, name in get_month_names(width, context, locale).items()
    }
    return {**names, "sept": 9, "mär": 3, "mrz": 3}
