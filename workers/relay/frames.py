"""Frames that are built once and written to many sockets.

uvicorn serves a send in 26 µs; writing bytes that are built already to its transport takes 12. So our subclass of its
WebSocket protocol offers itself to the application through the ASGI scope, and under any other server a plain send
does the same work.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Opcode

from workers.relay.message_reader import PartialReading

EXTENSION = "service6.frames"
CLOSE_S = 2.0  # a peer that does not answer the close frame by then is cut off
MEDIUM, LONG = 126, 127  # RFC 6455, 5.2: how a length over 125 bytes is announced
LARGEST_MEDIUM = 0xFFFF


class Frame:
    """A text message, and the same as it goes over the wire."""

    __slots__ = ("payload", "wire")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.wire = _header(len(payload)) + payload


class Sink(Protocol):
    """A socket as it is written to; nothing but `ended` waits."""

    @property
    def room(self) -> bool:
        """Whether a write would be taken now."""

    def write(self, frame: Frame) -> bool:
        """False if the socket has no room or is closing: keep it and try again when it is writable."""

    def end(self, code: int, reason: str) -> None:
        """Sends a close frame after what was written, and cuts off a peer that does not answer it."""

    async def ended(self) -> None:
        """Returns when the server will deliver the close frame, so that the application may return."""

    def watch(self, *, writable: Callable[[], None], shutdown: Callable[[], None], buffer_limit: int) -> None:
        """`writable` is called when there is room again, `shutdown` when the server wants to stop."""


def sink_of(websocket: WebSocket) -> Sink:
    offered = websocket.scope.get("extensions", {}).get(EXTENSION)
    return cast(Sink, offered["sink"]) if offered else PlainSink(websocket)


class FrameProtocol(PartialReading):
    """Give it to uvicorn as `ws`."""

    _on_writable: Callable[[], None] | None = None
    _on_shutdown: Callable[[], None] | None = None

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)  # builds the scope; the application has not started yet
        if self.response.status_code == 101:
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = {"sink": self}

    @property
    def room(self) -> bool:
        return self.writable.is_set() and not self.close_sent and not self.transport.is_closing()

    def write(self, frame: Frame) -> bool:
        if not self.room:
            return False
        self.transport.write(frame.wire)
        return True

    def end(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_on()  # for the answer
        self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    async def ended(self) -> None:
        return

    def watch(self, *, writable: Callable[[], None], shutdown: Callable[[], None], buffer_limit: int) -> None:
        self._on_writable = writable
        self._on_shutdown = shutdown
        self.transport.set_write_buffer_limits(high=buffer_limit)
        # Or the kernel would take megabytes for a client that does not read, and hide that it is slow.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_limit)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._on_writable:
            self._on_writable()

    def shutdown(self) -> None:
        # uvicorn would close all sockets in the same instant, and all would come back in the same instant.
        if self._on_shutdown and not self.close_sent:
            self._on_shutdown()
        else:
            super().shutdown()

    async def send(self, message: ASGISendEvent) -> None:
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # uvicorn would log an error for each client that was refused


class PlainSink:
    """A sink for other servers: one send at a time; writes in the meantime are refused."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._connection = asyncio.current_task()
        self._sending: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._on_writable: Callable[[], None] = lambda: None

    @property
    def room(self) -> bool:
        return not self._sending and not self._ending

    def write(self, frame: Frame) -> bool:
        if not self.room:
            return False
        self._sending = asyncio.create_task(self._send(frame))
        return True

    def end(self, code: int, reason: str) -> None:
        if not self._ending:
            self._ending = asyncio.create_task(self._end(code, reason))

    async def ended(self) -> None:
        if self._ending:
            await self._ending

    def watch(self, *, writable: Callable[[], None], shutdown: Callable[[], None], buffer_limit: int) -> None:
        # Another server manages buffers and shutdown itself.
        self._on_writable = writable

    async def _send(self, frame: Frame) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.send_text(frame.payload.decode())
        self._sending = None
        self._on_writable()

    async def _end(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                if self._sending:
                    await self._sending
                await self._websocket.close(code, reason)
        except TimeoutError:
            if self._connection:
                self._connection.cancel()
        except (WebSocketDisconnect, RuntimeError):
            return  # it is gone already


def _header(length: int) -> bytes:
    final_text = 0x80 | Opcode.TEXT
    if length < MEDIUM:
        return bytes([final_text, length])
    if length <= LARGEST_MEDIUM:
        return struct.pack(">BBH", final_text, MEDIUM, length)
    return struct.pack(">BBQ", final_text, LONG, length)
