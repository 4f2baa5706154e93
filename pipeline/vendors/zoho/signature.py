from collections.abc import Sequence
from datetime import datetime

from pipeline.errors import Refused
from pipeline.vendors import json_body
from pipeline.vendors.parse_result import UnreadableBody
from pipeline.vendors.signed_request import MAKE_ONE, SignedRequest, matches, strong_secrets


class ZohoVerifier:
    """Zoho CRM signs nothing; its notification repeats the channel's id and the token given with the channel."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._channels = strong_secrets(secrets, f"channel:token ({MAKE_ONE})")

    def verify(self, request: SignedRequest, _: datetime) -> None:
        if not matches(_channel(request.body), self._channels):
            raise Refused("channel or token do not match")


def _channel(body: bytes) -> bytes:
    try:
        notification = json_body.parse(body)  # anybody may send it: its bounds hold before the token is known
    except UnreadableBody:
        return b""
    if not isinstance(notification, dict):
        return b""
    channel, token = notification.get("channel_id"), notification.get("token")
    # Not whatever is there: a thousand lists in each other have no text.
    return f"{channel}:{token}".encode() if isinstance(channel, str | int) and isinstance(token, str) else b""
