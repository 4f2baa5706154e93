"""Webhooks as fast as a server takes them: requests are signed beforehand, so that the client costs next to nothing."""

import asyncio
import base64
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from standardwebhooks.webhooks import Webhook

HOST = "127.0.0.1"
START_S = 20.0
SOURCES = ("referral", "google", "webinar", "ads", "cold call")


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def signed(secret: str, number: int, external_id: str) -> bytes:
    """A whole HTTP request: a lead with a dozen attributes, two of them personal."""
    now = datetime.now(UTC)
    delivery = f"msg_{number}_{secrets.token_hex(4)}"
    lead = {
        "id": external_id,
        "email": f"lead{number}@example.com",
        "phone": f"+1 415 555 {number % 10000:04}",
        "budget": number * 37 % 600_000,
        "timeline_days": number % 300,
        "visits": number % 20,
        "time_on_site_s": number * 7 % 1500,
        "email_opens": number % 8,
        "source": SOURCES[number % len(SOURCES)],
        "seniority": "manager",
        "company_size": number % 3000,
        "owner": f"owner-{number % 20}",
        "stage": "new",
    }
    body = orjson.dumps({"type": "lead.created", "timestamp": now, "data": lead})
    signature = Webhook(secret).sign(delivery, now, body.decode())
    head = (
        f"POST /webhooks/standard HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"webhook-id: {delivery}\r\nwebhook-timestamp: {int(now.timestamp())}\r\nwebhook-signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection; `send` returns the status."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection(HOST, port))

    async def send(self, request: bytes) -> int:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head[9:12])


async def flood(port: int, requests: Sequence[bytes], connections: int) -> float:
    """Accepted requests a second over all; every connection sends its next when its last is answered."""
    waiting = iter(requests)

    async def one(connection: Connection) -> int:
        accepted = 0
        for request in waiting:
            accepted += await connection.send(request) == 202
        return accepted

    opened = [await Connection.open(port) for _ in range(connections)]
    began = time.perf_counter()
    accepted = sum(await asyncio.gather(*(one(connection) for connection in opened)))
    return accepted / (time.perf_counter() - began)


async def until_it_answers(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
