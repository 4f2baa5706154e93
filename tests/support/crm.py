"""The six vendors as senders: what they send, and how they prove that they sent it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import hubspot.utils.signature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook

RECORDED = Path(__file__).parents[1] / "integration" / "crm"
SAMPLE_VENDORS = ("standard", "hubspot", "gohighlevel", "pipedrive", "salesforce", "zoho")
PUBLIC_URL = "https://leads.example.com"
LOCATION = "ve9EPM428h8vShlRW1KT"
ENVIRONMENT = {
    "SERVICE6_API__PUBLIC_URL": PUBLIC_URL,
    "SERVICE6_SOURCES__GOHIGHLEVEL__ACCOUNTS": json.dumps([LOCATION]),
}


@dataclass(frozen=True)
class SampleVendor:
    """`headers(body, now, uri)` prove that the body is this vendor's; `uri` is the address it was given."""

    name: str
    secret: str
    headers: Callable[[bytes, datetime, str], dict[str, str]]
    key_in_path: bool = False

    @property
    def path(self) -> str:
        return f"/webhooks/{self.name}/{self.secret}" if self.key_in_path else f"/webhooks/{self.name}"

    @property
    def uri(self) -> str:
        return PUBLIC_URL + self.path

    def signed(self, body: bytes, now: datetime | None = None) -> dict[str, str]:
        return self.headers(body, now or datetime.now(UTC), self.uri)


def sample_vendor(name: str, secret: str | None = None) -> SampleVendor:
    """Such a sender; with another secret it is a forger."""
    known, make = SIGNATURES[name]
    secret = secret or known
    return SampleVendor(
        name, public_key(secret) if name == "gohighlevel" else secret, make(secret), name == "salesforce"
    )


def sequence(name: str) -> list[bytes]:
    """The recorded bodies of one lead from its creation to its end, in order."""
    return [path.read_bytes() for path in sorted((RECORDED / name).glob("[0-9]*"))]


def expected(name: str) -> dict[str, Any]:
    """What that lead is in the end."""
    found: dict[str, Any] = json.loads((RECORDED / name / "expected.json").read_text(encoding="utf-8"))
    return found


def environment(names: Sequence[str] = SAMPLE_VENDORS) -> dict[str, str]:
    """Opens the doors of these vendors."""
    return ENVIRONMENT | {f"SERVICE6_WEBHOOK_SECRET_{name.upper()}": sample_vendor(name).secret for name in names}


@lru_cache
def private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def public_key(seed: str) -> str:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(private_key(seed).public_key().public_bytes(*form)).decode()


Headers = Callable[[bytes, datetime, str], dict[str, str]]


def _standard(secret: str) -> Headers:
    def headers(body: bytes, now: datetime, _: str) -> dict[str, str]:
        # The same body is the same delivery.
        delivery = f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
        return {
            "webhook-id": delivery,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery, now, body.decode(errors="replace")),
        }

    return headers


def _hubspot(secret: str) -> Headers:
    def headers(body: bytes, now: datetime, uri: str) -> dict[str, str]:
        timestamp = str(int(now.timestamp() * 1000))
        text = body.decode(errors="replace")
        signature = hubspot.utils.signature.Signature.get_signature(secret, text, "v3", uri, "POST", timestamp)
        return {"X-HubSpot-Request-Timestamp": timestamp, "X-HubSpot-Signature-v3": signature}

    return headers


def _gohighlevel(seed: str) -> Headers:
    return lambda body, _now, _uri: {"X-GHL-Signature": base64.b64encode(private_key(seed).sign(body)).decode()}


def _pipedrive(secret: str) -> Headers:
    return lambda _body, _now, _uri: {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def _in_the_request(_: str) -> Headers:
    return lambda _body, _now, _uri: {}


SIGNATURES: dict[str, tuple[str, Callable[[str], Headers]]] = {
    "standard": ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", _standard),
    "hubspot": ("example-client-secret", _hubspot),
    "gohighlevel": ("a key of the vendor's", _gohighlevel),
    "pipedrive": ("service6:a-password-of-some-length", _pipedrive),
    "salesforce": ("an-address-that-nobody-guesses", _in_the_request),
    "zoho": ("1000000068001:TOKEN_FOR_VERIFICATION_OF_1000000068001", _in_the_request),
}
