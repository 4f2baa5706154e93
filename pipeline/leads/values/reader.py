"""The one reader of values: what a CRM, a file or a client sends becomes a number, an answer, a moment or a text.

A value of another kind than its attribute's stays as it is, so that nothing is lost, and the doubt is told.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Literal, NamedTuple

from pipeline.leads.values.answers import answer_in
from pipeline.leads.values.column_style import UNKNOWN_STYLE, ColumnStyle
from pipeline.leads.values.missing import is_missing
from pipeline.leads.values.moments import moment_in
from pipeline.leads.values.numbers import number_in
from schemas.score import Value

ValueKind = Literal["number", "money", "boolean", "text", "timestamp", "days_until"]

NUMBER_LIMIT = 1e18  # larger numbers are no property of a lead, and cost 300 digits each as jsonb
LONGEST_WAIT = 20_000  # days; a larger number under `days_until` is a date that is written as a number


class Doubt(StrEnum):
    """Why a value may not be what was meant."""

    AMBIGUOUS = "ambiguous"
    UNREADABLE = "unreadable"
    NOT_COMPARABLE = "not_comparable"  # an amount in a currency without a rate


class Reading(NamedTuple):
    """`currency`: of an amount that names one, ISO 4217."""

    value: Value
    doubt: Doubt | None = None
    currency: str | None = None


NOTHING = Reading(None)


def read(
    value: Value, kind: ValueKind | None, style: ColumnStyle = UNKNOWN_STYLE, means: Collection[str] = ()
) -> Reading:
    """Reads one value as that kind; without a kind only the words for "no value" are recognised.

    `means`: words that are values here, although elsewhere they stand for none.
    """
    if value is None:
        return NOTHING
    if isinstance(value, str) and is_missing(value) and value.strip().casefold() not in means:
        return NOTHING
    if kind is None:
        return Reading(value)
    if kind == "text":
        return Reading(str(value).lower() if isinstance(value, bool) else str(value))
    if kind == "boolean":
        return _answer(value)
    if kind == "timestamp":
        return _moment(value, style)
    if kind == "days_until":
        return _days_or_moment(value, style)
    return _number(value, style)


def _answer(value: Value) -> Reading:
    answer = answer_in(str(value))
    return Reading(value, Doubt.UNREADABLE) if answer is None else Reading(answer)


def _number(value: Value, style: ColumnStyle) -> Reading:
    if isinstance(value, bool):
        return Reading(value, Doubt.UNREADABLE)
    if not isinstance(value, str):
        return Reading(value)
    number = number_in(value, style.mark)
    if number is None or not abs(number.value) < NUMBER_LIMIT:  # NaN compares false
        return Reading(value, Doubt.UNREADABLE)
    doubt = Doubt.AMBIGUOUS if number.either and style.mark is None else None
    whole = number.value.is_integer()
    return Reading(int(number.value) if whole else number.value, doubt, number.currency)


def _moment(value: Value, style: ColumnStyle) -> Reading:
    moment = None if value is None or isinstance(value, bool) else moment_in(value, style.day_place)
    if moment is None:
        return Reading(value, Doubt.UNREADABLE)
    if moment.value is None:
        return NOTHING
    doubt = Doubt.AMBIGUOUS if moment.either and style.day_place is None else None
    return Reading(moment.value.isoformat(), doubt)


def _days_or_moment(value: Value, style: ColumnStyle) -> Reading:
    """A number of days as it was told, or the moment, from which the days are counted when a score is made."""
    days = _number(value, style)
    if days.doubt is not Doubt.UNREADABLE and abs(float(days.value or 0)) <= LONGEST_WAIT:
        return days
    return _moment(value, style)
