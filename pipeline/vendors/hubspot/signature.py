import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import unquote

from pipeline.errors import Misconfigured, Refused
from pipeline.vendors.signed_request import SignedRequest, matches, strong_secrets

WINDOW_S = 300
# Only these are decoded before HubSpot signs the URI: : / ? @ ! $ ' ( ) * , ;
DECODED = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
ACCESS_TOKEN = re.compile("pat-[a-z]{2}[0-9]+-", re.IGNORECASE)
MILLISECONDS = re.compile(r"[0-9]{1,15}")


class HubSpotVerifier:
    """HubSpot's v3: HMAC-SHA256 with the app's client secret over method, URI, raw body and timestamp.

    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if any(map(ACCESS_TOKEN.match, secrets)):
            raise Misconfigured("the secret is a private app's access token; the app's client secret is meant")
        self._secrets = strong_secrets(secrets, "the app's client secret")

    def verify(self, request: SignedRequest, now: datetime) -> None:
        timestamp = request.headers.get("x-hubspot-request-timestamp", "")
        given = request.headers.get("x-hubspot-signature-v3", "").encode()
        uri = DECODED.sub(lambda match: unquote(match.group()), request.uri)
        signed = f"{request.method}{uri}".encode() + request.body + timestamp.encode()
        expected = [base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in self._secrets]
        if not (matches(given, expected) and _is_recent(timestamp, now)):
            raise Refused("the signature does not match, or its timestamp is more than five minutes from now")


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not MILLISECONDS.fullmatch(timestamp):
        return False
    return abs(int(timestamp) / 1000 - now.timestamp()) <= WINDOW_S
