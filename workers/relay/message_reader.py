"""Reads what clients send in parts, so that none of them blocks the event loop, however much it sends.

uvicorn parses all that a read brought, up to 256 KB: 40,000 pings in one step, or 12,000 messages, and it answers each
ping even if nobody reads the answers. The application bounds messages; what never reaches it is bounded here.
"""

from asyncio import TimerHandle
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from workers.relay.message_rate import Bucket

PART_BYTES = 1024  # that are parsed at once
# Pings, pongs and fragments a second; what comes sooner waits in the network. Clients send one in 20 s.
FRAMES_S, FRAMES_BURST = 10, 100
FRAGMENTS = 64  # of one message


class PartialReading(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._unread = b""
        self._frames = Bucket(FRAMES_S, FRAMES_BURST)
        self._free_at = 0.0
        self._timer: TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
            return
        self._unread += data
        if self._timer is None:
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_on()
        return message

    def read_on(self) -> None:
        """Continues reading: first what was received already, after other sockets had their turn."""
        self.read_paused = False
        if self._timer is not None or self.transport.is_closing():
            return
        wait_s = max(0.0, self._free_at - self.loop.time())
        if wait_s or self._unread:
            self.transport.pause_reading()
            self._timer = self.loop.call_later(wait_s, self._parse)
        else:
            self.transport.resume_reading()

    def handle_ping(self) -> None:
        self._count_frame()
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # drops the answers, which nobody reads

    def handle_pong(self, event: Any) -> None:
        self._count_frame()
        super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        self._count_frame()
        if self.close_sent:
            return
        if len(self.frames) < FRAGMENTS:
            super().handle_cont(event)
        else:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def _parse(self) -> None:
        self._timer = None
        part, self._unread = self._unread[:PART_BYTES], self._unread[PART_BYTES:]
        if part and not self.transport.is_closing():
            super().data_received(part)
        if not self.read_paused:  # otherwise `receive` reads on
            self.read_on()

    def _count_frame(self) -> None:
        now = self.loop.time()
        self._free_at = now + self._frames.reserve(now)
