"""Cursors: the place where a page ended, as an opaque text."""

import base64
from datetime import datetime
from typing import NoReturn, Self

from pydantic import Field, ValidationError

from pipeline.errors import Malformed
from pipeline.storage.leads.lead_list import ListedLead, Sort
from schemas.frozen import Frozen
from schemas.moment import Moment

Value = float | datetime


class Place(Frozen):
    """Where a page ended."""

    @classmethod
    def opened(cls, sealed: str) -> Self:
        """Decodes a cursor. Raises Malformed if it is none of such a list."""
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(sealed))
        except (ValidationError, ValueError):
            _refuse("not a cursor that this API gave out")

    def sealed(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json(exclude_none=True).encode()).decode()


class DeadLetterCursor(Place):
    letter_id: int = Field(ge=1, le=2**63 - 1)


class Cursor(Place):
    """The order that the page was in, and the place of its last lead in it."""

    sort: Sort
    lead_id: int = Field(ge=1, le=2**63 - 1)
    score: float | None = Field(default=None, ge=0, le=100)
    updated_at: Moment | None = None

    @classmethod
    def after(cls, last: ListedLead, sort: Sort) -> Self:
        column = sort.removeprefix("-")
        return cls.model_validate({"sort": sort, "lead_id": last.id, column: getattr(last, column)})

    @classmethod
    def read(cls, sealed: str, sort: Sort) -> tuple[Value, int]:
        """The sort value and the id to continue after. Raises Malformed if the cursor is not of this order."""
        place = cls.opened(sealed)
        if place.sort != sort:
            _refuse(f"the cursor belongs to sort={place.sort}")
        value: Value | None = getattr(place, sort.removeprefix("-"))
        if value is None:
            _refuse("not a cursor that this API gave out")
        return value, place.lead_id


def _refuse(reason: str) -> NoReturn:
    raise Malformed(reason, pointer="/cursor")
