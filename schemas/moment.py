"""Converts moments to UTC: PostgreSQL refuses offsets of 16 hours and more, which ISO 8601 allows."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def in_utc(value: datetime) -> datetime:
    """The moment in UTC. Raises ValueError if its year would be before 1 or after 9999."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment must be within the years 1 to 9999 in UTC") from None


def nearest_in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return EARLIEST if value.year == EARLIEST.year else LATEST


# As a client of ours sends it, who can correct it.
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
# As a vendor sends it: the lead matters more than the exact hour.
VendorMoment = Annotated[AwareDatetime, AfterValidator(nearest_in_utc)]
