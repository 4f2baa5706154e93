"""The result of parsing a webhook: changes to leads, and what was left out and why. Every vendor's `read` returns one.

A reader is a pure function `read(body, wanted)`: `wanted` names the vendor's kind of record that counts as a lead.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, NamedTuple

import orjson
from pydantic import BeforeValidator, StringConstraints

# No vendor sends more than 100 in one request; each costs some 30 µs before anyone is asked.
EVENT_LIMIT = 1000
# Values in a body: a thousand events of a dozen values, or a hundred records of two hundred fields. Each costs up to
# 5 µs before anyone knows what it is.
NODE_LIMIT = 20_000
INLINE_BYTES = 16_384  # larger bodies are parsed in a thread, so that the event loop goes on
DIGEST_BYTES = 16


class UnreadableBody(ValueError):
    """The body does not have the vendor's documented form; `pointer` says where (JSON pointer)."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(reason)
        self.pointer = pointer


class IgnoredReason(StrEnum):
    """Why an event is acknowledged and changes nothing."""

    DELETION = "deletion"
    OTHER_RECORD = "other_record"
    OTHER_ACCOUNT = "other_account"
    ECHO = "echo"  # of what we wrote ourselves
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    REFUSED = "refused"


class LeadEvent(NamedTuple):
    """One change to one record, as the vendor sends it.

    `delivery_id` None: the request's headers have it. `occurred_at` None: the vendor does not say.
    `pointer`: where the attributes stand in the body. `account`: the customer's at the vendor, where bodies name it.
    `forgets`: the person behind the record is to be erased. `opportunity`: the id of the one that the attributes are
    of, where a lead may have several.
    """

    external_id: str
    delivery_id: str | None
    occurred_at: datetime | None
    attributes: dict[str, object]
    pointer: str
    account: str | None = None
    forgets: bool = False
    opportunity: str | None = None


class WebhookReport(NamedTuple):
    events: Sequence[LeadEvent]
    ignored: Counter[IgnoredReason]


def why_ignored(
    record: str, change: str, *, wanted: str, changes: Collection[str], deletions: Mapping[str, IgnoredReason]
) -> IgnoredReason | None:
    """None for a change to a record that is wanted."""
    if record != wanted:
        return IgnoredReason.OTHER_RECORD
    return None if change in changes else deletions.get(change, IgnoredReason.UNKNOWN)


def digest(*parts: object) -> str:
    """The id of a delivery without one; the same texts, numbers, moments and bytes give the same id."""
    return blake2b(orjson.dumps(parts, default=bytes.hex), digest_size=DIGEST_BYTES).hexdigest()


def _as_text(value: object) -> object:
    return str(value) if type(value) is int else value  # `true` is no id


# PostgreSQL's text holds no NUL.
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
ExternalId = Annotated[Word, BeforeValidator(_as_text)]
