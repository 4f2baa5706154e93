"""A CRM's record as its API gives it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol


class CrmRecord(NamedTuple):
    """`attributes` as the vendor names them, none of them empty; `modified_at`: when any changed last."""

    external_id: str
    modified_at: datetime
    attributes: dict[str, object]


class RecordReader(Protocol):
    """`at_once`: records of one request."""

    at_once: int

    def read(self, external_ids: Sequence[str]) -> dict[str, CrmRecord]:
        """Those of the records that exist, by id. Raises Unwell and Refused as a Writer does."""


def moment(said: object) -> datetime | None:
    """ISO 8601; None for anything else, and for what lacks its place on earth."""
    if not isinstance(said, str):
        return None
    try:
        parsed = datetime.fromisoformat(said)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None


def attributes_of(properties: dict[str, object]) -> dict[str, object]:
    """What says something: a property without a value may never have had one."""
    return {name: value for name, value in properties.items() if value is not None and value != ""}
