"""The messages of the live feed's WebSocket; changes themselves are in schemas.event."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.access import Role
from schemas.event import Event, Position
from schemas.frozen import Frozen

PATH = "/api/v1/dashboard/real-time"
WATCHED = 1000  # leads that one socket may watch


class CloseCode(IntEnum):
    """Why the relay closes a socket. After FORBIDDEN a client must not reconnect; otherwise it may, with backoff."""

    TOO_BIG = 1009
    RESTART = 1012
    PROTOCOL = 4000
    EXPIRED = 4001
    FORBIDDEN = 4003
    TOO_SLOW = 4008
    REVOKED = 4009
    RESET = 4010


class Topic(StrEnum):
    LEADS = "leads"
    RUNS = "runs"
    CALLS = "calls"
    METRICS = "metrics"


class Authenticate(Frozen):
    """The first message, unless an Authorization header came with the request; again to stay past expiry."""

    t: Literal["auth"]
    token: str = Field(repr=False)


LeadId = Annotated[str, Field(pattern=r"^\d{1,18}$")]


class Subscribe(Frozen):
    """`leads` narrows to these ids, `position` resumes after it; a new subscription replaces the one before.

    `watch`: as in a message of its own; leads that are named in `leads` are watched anyway.
    """

    t: Literal["subscribe"]
    topics: tuple[Topic, ...] = Field(min_length=1)
    leads: tuple[LeadId, ...] | None = None
    watch: tuple[LeadId, ...] = Field(default=(), max_length=WATCHED)
    position: Position | None = None


class Watch(Frozen):
    """The leads that are looked at: what a run changes is sent for these only, since it may change a million.

    Replaces the list before. What runs changed of them recently is sent at once.
    """

    t: Literal["watch"]
    leads: tuple[LeadId, ...] = Field(max_length=WATCHED)


class Ping(Frozen):
    """Asks for a heartbeat."""

    t: Literal["ping"]


ClientMessage = Annotated[Authenticate | Subscribe | Watch | Ping, Field(discriminator="t")]


class Ready(Frozen):
    t: Literal["ready"] = "ready"
    role: Role
    expires_at: datetime
    heartbeat_s: float


class Subscribed(Frozen):
    """`resumed` false: the client has missed changes and must fetch a snapshot; what changes now will come."""

    t: Literal["subscribed"] = "subscribed"
    position: Position
    resumed: bool


class Changes(Frozen):
    """What changed; whoever resumes after `position` misses nothing that came before it."""

    t: Literal["changes"] = "changes"
    position: Position
    events: tuple[Event, ...]


class Heartbeat(Frozen):
    """`away_s`: how long the relay has been cut off from the feed; then silence does not mean calm."""

    t: Literal["heartbeat"] = "heartbeat"
    position: Position | None
    away_s: float | None = None


class CloseMessage(Frozen):
    """Why the socket is closed; the close code follows."""

    t: Literal["error"] = "error"
    type: str
    detail: str
    retry_after_s: float | None = None
