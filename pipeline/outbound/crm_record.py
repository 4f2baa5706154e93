"""A record as a CRM's API returns it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol


class CrmRecord(NamedTuple):
    """One record: non-empty `attributes` by the vendor's names; `modified_at`: when any of them changed last."""

    external_id: str
    modified_at: datetime
    attributes: dict[str, object]


class RecordReader(Protocol):
    """Reads records from a CRM. `at_once`: records of one request."""

    at_once: int

    def read(self, external_ids: Sequence[str]) -> dict[str, CrmRecord]:
        """The records that exist, by id. Raises Unavailable and Refused as `ScoreWriter.write` does."""


def moment(said: object) -> datetime | None:
    """Parses ISO 8601; None for anything else, and for a time without offset."""
    if not isinstance(said, str):
        return None
    try:
        parsed = datetime.fromisoformat(said)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None


def attributes_of(properties: dict[str, object]) -> dict[str, object]:
    """The properties that have a value; one without may never have had any."""
    return {name: value for name, value in properties.items() if value is not None and value != ""}
