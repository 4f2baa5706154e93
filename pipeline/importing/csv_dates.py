"""Parses dates and times as spreadsheets write them."""

import re
from datetime import UTC, datetime

YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)")
DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)")
SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)")
TIME = re.compile(r"[ T,]*(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)? *([AaPp][Mm])?")
EPOCH = re.compile(r"\d{9,10}(\.\d+)?|\d{12,13}")
MILLISECONDS_FROM = 1e11


class Dates:
    """Reads ISO 8601, `22.11.2026`, `2026/11/22`, with or without a time of day; seconds or ms since 1970.

    `11/22/2026` can be read once some date of the column has shown which part is the day. A time without offset is UTC.
    """

    def __init__(self) -> None:
        self._day_place: set[int] = set()

    def learn(self, text: str) -> None:
        """Learns which part is the day; called for the whole column before any of it is read."""
        match = SLASHES.match(text.strip())
        if match is not None:
            self._day_place.update(place for place in (1, 2) if int(match[place]) > 12)

    def read(self, text: str) -> datetime:
        """Returns the moment in UTC; raises ValueError with what is wrong."""
        text = text.strip()
        try:
            moment = self._moment(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise ValueError(str(error) if isinstance(error, Ambiguous) else "not a date that can be read") from None

    def _moment(self, text: str) -> datetime:
        if EPOCH.fullmatch(text):
            seconds = float(text)
            return datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS_FROM else seconds, UTC)
        if match := YEAR_FIRST.fullmatch(text):
            return _built(match[1], match[2], match[3], match[4])
        if match := DAY_FIRST.fullmatch(text):
            return _built(match[3], match[2], match[1], match[4])
        if match := SLASHES.fullmatch(text):
            day = self._day()
            return _built(match[3], match[3 - day], match[day], match[4])
        return datetime.fromisoformat(text)

    def _day(self) -> int:
        if len(self._day_place) != 1:
            raise Ambiguous("day or month first? write dates as 2026-11-22")
        return next(iter(self._day_place))


class Ambiguous(ValueError):
    pass


def _built(year: str, month: str, day: str, clock: str) -> datetime:
    moment = datetime(int(year), int(month), int(day), tzinfo=UTC)
    if not clock.strip():
        return moment
    time = TIME.fullmatch(clock.rstrip())
    if time is None:
        raise ValueError("no time of day")
    hour = int(time[1])
    if time[4]:
        hour = hour % 12 + (12 if time[4].lower() == "pm" else 0)
    return moment.replace(hour=hour, minute=int(time[2]), second=int(time[3] or 0))
