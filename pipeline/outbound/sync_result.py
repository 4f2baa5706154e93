"""The result of a call to a CRM, for one record or for all of them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipeline.errors import Refused
from pipeline.outbound.http_client import Response, Unavailable
from schemas.outbound import WriteBack


class Done(NamedTuple):
    pass


class Gone(NamedTuple):
    """The CRM has no such record, or has it no longer; nothing is left to do."""


class Failed(NamedTuple):
    """The record must be tried again; `after_s`: how long the target wants no call."""

    error: str
    after_s: float | None = None


class Rejected(NamedTuple):
    """The record is not tried again unless a person replays it."""

    error: str


SyncResult = Done | Gone | Failed | Rejected


class ScoreWriter(Protocol):
    """Writes scores to a target. `at_once`: records of one batch, `calls`: requests that a batch makes."""

    at_once: int
    calls: int

    def write(self, due: Sequence[WriteBack]) -> list[SyncResult]:
        """The result of each record. Raises Unavailable if the target needs a pause, Refused if it denies access; then
        nothing was written, as far as is known."""


def require_available(answer: Response) -> Response:
    """Returns the answer, or raises what `ScoreWriter.write` raises if it refuses the whole call."""
    if answer.status in (401, 403):
        raise Refused(f"it does not let us in ({answer.status}): is its token right, and are its scopes?")
    if answer.status == 429 or answer.status >= 500:
        raise Unavailable(f"it answers {answer.status}", answer.after_s)
    return answer
