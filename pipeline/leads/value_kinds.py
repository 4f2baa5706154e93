"""Converts values that a vendor sends as text into their kind: HubSpot sends numbers as digits."""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.leads.attributes import NUMBER_LIMIT
from schemas.score import Value

ValueKind = Literal["number", "boolean", "text", "timestamp", "days_until"]

MILLISECONDS_FROM = 1e11  # epoch numbers above are milliseconds: in seconds it would be the year 5138
CURRENCIES = "EUR|USD|GBP|CHF|CAD|AUD|NZD|JPY|CNY|INR|BRL|MXN|PLN|CZK|HUF|RON|SEK|NOK|DKK|TRY|ZAR|AED|SGD|HKD"
BEFORE = re.compile(rf"^\s*([-+]?)\s*(?:(?:{CURRENCIES})(?![A-Za-z]))?[\s$€£¥₹]*")
AFTER = re.compile(rf"[\s$€£¥₹%]*(?:(?<![A-Za-z])(?:{CURRENCIES}))?\s*$")
GROUPED_BY_SPACE = re.compile(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?!\d))")
# `1,250` and `1.250.000,50`; a single dot, or a comma before other than three digits, begins the fraction.
COMMA_OF_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
DOTS_OF_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})*,\d*|[-+]?\d{1,3}(?:\.\d{3}){2,}|[-+]?\d+,\d+")
LONGEST_NUMBER = 64  # characters
A_DAY = timedelta(days=1)
YES = frozenset({"true", "yes", "y", "1"})
NO = frozenset({"false", "no", "n", "0"})


def coerce(value: Value, kind: ValueKind, at: datetime | None = None) -> Value:
    """The value as that kind, or unchanged if it is not of it, so that nothing is lost; None for an empty text.

    `days_until` counts the days from `at`, when it was said, to a moment; None if that moment has passed.
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


def number_in(text: str) -> float | None:
    """Parses a number however its country writes it: 1250.5, $1,250.50, 1.250,50 €, 1 250,5."""
    number = _float(text)
    if number is not None or len(text) > LONGEST_NUMBER:
        return number
    plain = GROUPED_BY_SPACE.sub("", AFTER.sub("", BEFORE.sub(r"\1", text)))
    if DOTS_OF_THOUSANDS.fullmatch(plain) and not COMMA_OF_THOUSANDS.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    return _float(plain.replace(",", ""))


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(value: Value) -> Value:
    number = number_in(value) if isinstance(value, str) else None
    if number is None or not abs(number) < NUMBER_LIMIT:  # NaN compares false
        return value
    return int(number) if number.is_integer() else number


def _moment(value: Value) -> datetime | None:
    """A moment in UTC from ISO 8601, or from seconds or milliseconds since 1970; None for anything else."""
    try:
        number = _number(value)
        if isinstance(number, int | float):
            seconds = number / 1000 if abs(number) > MILLISECONDS_FROM else number
            return None if isinstance(number, bool) else datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(str(value).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _days(remaining: timedelta) -> Value:
    # A date is the beginning of its day, and today has not passed.
    return max(0, remaining.days) if remaining > -A_DAY else None


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
