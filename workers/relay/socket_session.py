"""The session of one socket: authentication, subscriptions, and its end."""

import asyncio
import logging
import random
from asyncio import TimerHandle
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.errors import Refused, TryAgain
from pipeline.metrics import Metrics
from pipeline.security import tokens
from pipeline.settings.sections import RelaySettings
from schemas.access import Claims, Role
from schemas.feed import Authenticate, ClientMessage, CloseCode, Ping, Ready, Subscribe, Subscribed, Watch
from workers.bearer import bearer_token
from workers.relay.admission import ConnectionSlot
from workers.relay.frames import Sink
from workers.relay.hub import Hub
from workers.relay.message_rate import Pace, UserPaces
from workers.relay.stream_consumer import StreamConsumer
from workers.relay.subscriber import Subscriber, dismiss

TOO_FAST_RETRY_S = 30.0  # for a client that sends without end
EARLIEST_RETURN_S, LATEST_RETURN_S = 1.0, 3.0

messages: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What every session of a relay works with."""

    settings: RelaySettings
    secret_key: str
    metrics: Metrics
    hub: Hub
    consumer: StreamConsumer
    paces: UserPaces
    # One socket at a time hears what it missed: the event loop is never held for longer than a part of that.
    replaying: asyncio.Lock = field(default_factory=asyncio.Lock)


class Ended(Exception):
    """The session is over; the socket is told this reason."""

    def __init__(self, code: CloseCode, kind: str, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = kind
        self.retry_after_s = retry_after_s


class Session:
    def __init__(self, websocket: WebSocket, sink: Sink, slot: ConnectionSlot, parts: Parts) -> None:
        self._websocket = websocket
        self._sink = sink
        self._slot = slot
        self._parts = parts
        slot.leave = self._make_room
        self._claims: Claims  # once it is introduced
        self._pace: Pace
        self._subscriber: Subscriber | None = None
        self._expiry: TimerHandle | None = None

    async def run(self) -> None:
        """Runs until either side ends the session."""
        try:
            if self._slot.is_sent_away:  # while it was let in
                self._make_room()
            await self._introduce()
            while True:
                if message := await self._next():
                    await self._answer(message)
        except Ended as ended:
            self.end(ended)
            await self._sink.ended()
        except WebSocketDisconnect:
            return
        finally:
            self._clear()

    def end(self, ended: Ended) -> None:
        dismiss(self._sink, ended.code, ended.kind, str(ended), ended.retry_after_s)

    def writable(self) -> None:
        """The socket has room again."""
        if self._subscriber:
            self._parts.hub.catch_up(self._subscriber, _now())

    def _make_room(self) -> None:
        detail = "others want to come in, and this socket has not said who it is"
        self._parts.metrics.relay_crowded_out.inc()
        self.end(Ended(CloseCode.RESTART, "crowded_out", detail, retry_after_s=spread_s()))

    async def _introduce(self) -> None:
        token = bearer_token(self._websocket.headers) or await self._first_message()
        claims = self._verified(token)
        if not self._slot.identify(claims.sub):
            raise Ended(CloseCode.FORBIDDEN, "too_many_sockets", "this user has too many sockets open")
        self._claims = claims
        self._pace = Pace(self._parts.settings, self._parts.paces.of(claims.sub, _now()))
        self._parts.metrics.relay_sockets.labels(claims.role).inc()
        await self._welcome(claims)

    async def _first_message(self) -> str:
        try:
            async with asyncio.timeout(self._parts.settings.auth_timeout_s):
                first = await self._receive()
        except TimeoutError:
            raise Ended(CloseCode.PROTOCOL, "auth_timeout", "no access token came in time") from None
        if not isinstance(first, Authenticate):
            raise Ended(CloseCode.PROTOCOL, "auth_expected", "the first message must be an auth message")
        return first.token

    async def _next(self, until: float | None = None) -> ClientMessage | None:
        """The next message, no sooner than this socket may send one: before, nothing more of it is read.

        None if none comes `until` then.
        """
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            return None
        now = _now()
        wait_s = self._pace.message_wait_s(now)
        if self._pace.is_lost(now):
            detail = "this socket goes on sending more messages than it may"
            raise Ended(CloseCode.PROTOCOL, "too_many_messages", detail, retry_after_s=TOO_FAST_RETRY_S)
        if wait_s:
            self._parts.metrics.relay_delayed.inc()
            await asyncio.sleep(wait_s)
        return message

    async def _answer(self, message: ClientMessage) -> None:
        match message:
            case Authenticate():
                await self._refresh(message.token)
            case Ping():
                beat = self._parts.hub.heartbeat(self._subscriber, self._parts.consumer.away_s)
                await self._websocket.send_text(beat.payload.decode())
            case _:
                await self._serve(message)

    async def _serve(self, request: Subscribe | Watch) -> None:
        """Serves the request when it is the user's turn; of requests that come until then, only the newest."""
        now = _now()
        turn = now + self._pace.replay_wait_s(now)
        while _now() < turn:
            match await self._next(until=turn):
                case Subscribe() | Watch() as newer:
                    request = _newer(request, newer)
                case Authenticate() | Ping() as other:
                    await self._answer(other)
        match request:
            case Subscribe():
                await self._subscribe(request)
            case Watch():
                await self._watch(request)

    async def _refresh(self, token: str) -> None:
        claims, first = self._verified(token), self._claims
        # The changes that wait for this socket were chosen for its first reader.
        if _reader(claims) != _reader(first):
            raise Ended(CloseCode.FORBIDDEN, "other_reader", "the token is another reader's; connect again")
        await self._welcome(claims)

    async def _welcome(self, claims: Claims) -> None:
        if self._expiry:
            self._expiry.cancel()
        remaining_s = (claims.expires_at - datetime.now(UTC)).total_seconds()
        self._expiry = asyncio.get_running_loop().call_later(
            remaining_s, self.end, Ended(CloseCode.EXPIRED, "expired", "the access token has expired")
        )
        await self._say(
            Ready(
                role=claims.role,
                expires_at=claims.expires_at,
                heartbeat_s=self._parts.settings.heartbeat_s,
            )
        )

    async def _subscribe(self, request: Subscribe) -> None:
        try:
            subscriber, confirmed = await self._joined(request)
        except TryAgain as error:
            raise Ended(CloseCode.RESTART, "feed_away", str(error), retry_after_s=spread_s()) from None
        await self._say(confirmed)
        subscriber.open = True
        self._parts.hub.catch_up(subscriber, _now())

    async def _watch(self, request: Watch) -> None:
        if self._subscriber is None:
            raise Ended(CloseCode.PROTOCOL, "not_subscribed", "subscribe first, then say what you watch")
        async with self._parts.replaying:
            await self._parts.hub.watch(self._subscriber, request.leads)
        self._parts.hub.catch_up(self._subscriber, _now())

    async def _joined(self, request: Subscribe) -> tuple[Subscriber, Subscribed]:
        hub, after = self._parts.hub, request.position
        here = hub.position
        # The position has not reached this relay yet, or belongs to a future that the stream has lost.
        if after and here and after.order > here.order and await self._parts.consumer.gap_after(after):
            after = None
        if self._subscriber:
            hub.leave(self._subscriber)
        self._subscriber = Subscriber(
            self._sink,
            self._claims,
            self._parts.metrics,
            topics=request.topics,
            leads=request.leads,
            watch=request.watch,
            pending_limit=self._parts.settings.pending_limit,
        )
        async with self._parts.replaying:
            position, resumed = await hub.join(self._subscriber, after, _now())
        return self._subscriber, Subscribed(position=position, resumed=resumed)

    def _verified(self, token: str) -> Claims:
        try:
            return tokens.verify(self._parts.secret_key, token)
        except tokens.Expired as error:
            raise Ended(CloseCode.EXPIRED, "expired", str(error)) from None
        except Refused as error:
            raise Ended(CloseCode.FORBIDDEN, "refused", str(error)) from None

    async def _receive(self) -> ClientMessage:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        try:
            return messages.validate_json(message.get("text") or b"")
        except ValidationError:
            raise Ended(CloseCode.PROTOCOL, "unknown_message", "this message is not part of the protocol") from None

    async def _say(self, message: BaseModel) -> None:
        await self._websocket.send_text(message.model_dump_json())

    def _clear(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        if self._subscriber:
            self._parts.hub.leave(self._subscriber)
        if self._slot.user is not None:
            self._parts.metrics.relay_sockets.labels(self._claims.role).dec()


def spread_s() -> float:
    """A random time after which to reconnect, so that not all sockets come back in the same instant."""
    return round(random.uniform(EARLIEST_RETURN_S, LATEST_RETURN_S), 1)  # noqa: S311 - spreads load


def _newer(older: Subscribe | Watch, newer: Subscribe | Watch) -> Subscribe | Watch:
    """The request that stands for both, as if the older one had been served first."""
    if isinstance(older, Subscribe) and isinstance(newer, Watch):
        return older.model_copy(update={"watch": newer.leads})
    return newer


def _reader(claims: Claims) -> tuple[str, Role, frozenset[str]]:
    return claims.sub, claims.role, frozenset(claims.owners)


def _now() -> float:
    return asyncio.get_running_loop().time()
