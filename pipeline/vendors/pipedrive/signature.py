import base64
from collections.abc import Sequence
from datetime import datetime

from pipeline.errors import Refused
from pipeline.vendors.signed_request import MAKE_ONE, SignedRequest, matches, strong_secrets


class PipedriveVerifier:
    """Pipedrive signs nothing; it sends the user and password that were given with the webhook (HTTP Basic)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._credentials = strong_secrets(secrets, f"user:password ({MAKE_ONE})")

    def verify(self, request: SignedRequest, _: datetime) -> None:
        scheme, _blank, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            given = b""
        if scheme.casefold() != "basic" or not matches(given, self._credentials):
            raise Refused("user or password do not match")
