"""Webhook signatures: was this body sent by someone who knows the source's secret, and just now?"""

from collections.abc import Mapping, Sequence

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from pipeline.errors import Misconfigured, Refused


class StandardVerifier:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and raw body; five minutes either way.

    `secrets`: one, or two while one is being rotated.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        try:
            self._webhooks = [Webhook(secret) for secret in secrets]
        except (ValueError, EmptyWebhookSecretError):
            raise Misconfigured("a webhook secret must be `whsec_` and base64 text") from None

    def verify(self, body: bytes, headers: Mapping[str, str]) -> str:
        """The delivery's id. Raises Refused with a reason that tells a forger nothing."""
        named = {name: headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
        for webhook in self._webhooks:
            try:
                webhook.verify(body, named, json_parse=False)
            except (WebhookVerificationError, ValueError):
                continue
            return named["webhook-id"]
        raise Refused("the signature does not match, or its timestamp is more than five minutes from now")
