from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pipeline.errors import Refused
from pipeline.security.webhook_secrets import keys_of
from pipeline.vendors.signed_request import SignedRequest

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class StandardVerifier:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and raw body; five minutes either way, by the library's clock.

    `secrets`: one, or two while one is being rotated.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._webhooks = [Webhook(key) for secret in secrets for key in keys_of(secret)]

    def verify(self, request: SignedRequest, _: datetime) -> str:
        named = {name: request.headers.get(name, "") for name in HEADERS}
        for webhook in self._webhooks:
            try:
                webhook.verify(request.body, named, json_parse=False)
            except (WebhookVerificationError, ValueError):
                continue
            return named["webhook-id"]
        raise Refused("the signature does not match, or its timestamp is more than five minutes from now")
