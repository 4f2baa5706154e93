"""A vendor as the webhook receivers see it: it signs, posts, and posts again what was not accepted."""

import asyncio
import secrets
from datetime import UTC, datetime
from itertools import count
from typing import Self

import httpx2
import orjson
from standardwebhooks.webhooks import Webhook

from pipeline.errors import Misconfigured
from pipeline.security.webhook_secrets import keys_of
from pipeline.settings.loader import Settings, secret_variable
from workers.simulator.notice import Notice

SOURCE = "standard"
ANSWER_S = 30.0
RESEND_S = 1.0


class SimulatedVendor:
    """A simulated vendor. `url` is the API's address; within `async with` it keeps that many connections open."""

    def __init__(self, settings: Settings, url: str, *, connections: int) -> None:
        self._address = f"{url}/webhooks/{SOURCE}"
        self._live = f"{url}/health/live"
        self._webhook = Webhook(keys_of(_secret(settings))[0])
        self._client = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=ANSWER_S,
            trust_env=False,  # a proxy would not find this machine
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def is_awaited(self) -> bool:
        """Whether the API answers."""
        try:
            return (await self._client.get(self._live)).is_success
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False

    async def send(self, notice: Notice, delivery_id: str) -> int | None:
        """The status of the answer; None if there was none."""
        body = orjson.dumps(notice.body)
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(delivery_id, now, body.decode()),
        }
        try:
            answer = await self._client.post(self._address, content=body, headers=headers)
        except httpx2.HTTPError:
            return None
        return answer.status_code

    async def insist(self, notice: Notice, *, most: int | None = None) -> int | None:
        """Sends a notice until its answer is final, or `most` times; returns the last status."""
        delivery_id = new_id()
        status = None
        for again in count() if most is None else range(most):
            if again:
                await asyncio.sleep(RESEND_S)
            status = await self.send(notice, delivery_id)
            if status is not None and status < 500 and status != httpx2.codes.TOO_MANY_REQUESTS:
                break
        return status


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def _secret(settings: Settings) -> str:
    webhook_secrets = settings.webhook_secrets.get(SOURCE)
    if not webhook_secrets:
        raise Misconfigured(f"the source {SOURCE} has no secret: set {secret_variable(SOURCE)}, or run `service6 up`")
    return webhook_secrets[0].get_secret_value()
