"""What became of one record in a call, and of a call in which all records fared alike."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pipeline.errors import Refused
from pipeline.outbound.http_client import Response, Unavailable
from schemas.outbound import WriteBack


class Done(NamedTuple):
    pass


class Gone(NamedTuple):
    """The CRM has no such record (any more): nobody needs to know."""


class Failed(NamedTuple):
    """To be tried again; `after_s`: the target wants to be left alone for so long."""

    error: str
    after_s: float | None = None


class Rejected(NamedTuple):
    """Never to be tried again unless a person says so."""

    error: str


SyncResult = Done | Gone | Failed | Rejected


class ScoreWriter(Protocol):
    """`at_once`: records of one bundle, `calls`: requests that it makes."""

    at_once: int
    calls: int

    def write(self, due: Sequence[WriteBack]) -> list[SyncResult]:
        """Of each its verdict. Raises Unwell if the target has to be left alone, Refused if it does not let us in; then
        nothing was written, as far as is known."""


def require_available(answer: Response) -> Response:
    """Raises what `Writer.write` raises, for an answer that says nothing of single records."""
    if answer.status in (401, 403):
        raise Refused(f"it does not let us in ({answer.status}): is its token right, and are its scopes?")
    if answer.status == 429 or answer.status >= 500:
        raise Unavailable(f"it answers {answer.status}", answer.after_s)
    return answer
