"""Values that a vendor sends as text -> what they are: HubSpot has no numbers, only digits."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.attributes import NUMBER_LIMIT
from schemas.score import Value

Kind = Literal["number", "boolean", "text", "timestamp", "days_until"]

MILLISECONDS_FROM = 1e11  # epoch numbers above are milliseconds: in seconds it would be the year 5138
A_DAY = timedelta(days=1)
YES = frozenset({"true", "yes", "y", "1"})
NO = frozenset({"false", "no", "n", "0"})


def coerce(value: Value, kind: Kind, at: datetime | None = None) -> Value:
    """The value as that kind; as it is where it is not of it, so that nothing is lost. An empty text is no value.

    `days_until` counts from `at`, when it was said, to a moment; of a moment that has passed there is no value.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if kind == "number":
        return _number(value)
    if kind == "boolean":
        word = _text(value).strip().casefold()
        return True if word in YES else False if word in NO else value
    if kind == "text":
        return _text(value)
    moment = _moment(value)
    if moment is None:
        return value
    if kind == "timestamp":
        return moment.isoformat()
    return value if at is None else _days(moment - at)


def _number(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not abs(number) < NUMBER_LIMIT:  # NaN compares false
        return value
    return int(number) if number.is_integer() else number


def _moment(value: Value) -> datetime | None:
    """From ISO 8601, or from seconds or milliseconds since 1970; in UTC."""
    try:
        number = _number(value)
        if isinstance(number, int | float):
            seconds = number / 1000 if abs(number) > MILLISECONDS_FROM else number
            return None if isinstance(number, bool) else datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(str(value).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _days(left: timedelta) -> Value:
    # A date is the beginning of its day, and today has not passed.
    return max(0, left.days) if left > -A_DAY else None


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
