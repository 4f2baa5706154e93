import base64
from collections.abc import Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pipeline.errors import Misconfigured, Refused
from pipeline.security.webhook_secrets import base64_bytes
from pipeline.vendors.signed_request import SignedRequest

SMALLEST_RSA = 2048  # bits


class GoHighLevelVerifier:
    """GoHighLevel signs the raw body with its own key, for all its customers: Ed25519, before July 2026 RSA.

    `keys`: its public keys as base64 of the DER form, which is PEM without its first and last line. Which of the two
    headers counts follows from the key, so that where only the new key is configured the old header opens nothing.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._ed25519: list[Ed25519PublicKey] = []
        self._rsa: list[RSAPublicKey] = []
        for key in map(_public_key, keys):
            if isinstance(key, Ed25519PublicKey):
                self._ed25519.append(key)
            else:
                self._rsa.append(key)

    def verify(self, request: SignedRequest, _: datetime) -> None:
        newer = _signature(request, "x-ghl-signature")
        older = _signature(request, "x-wh-signature")
        if any(_has_signed_ed25519(key, newer, request.body) for key in self._ed25519):
            return
        if any(_has_signed_rsa(key, older, request.body) for key in self._rsa):
            return
        raise Refused("the signature does not match")


def _public_key(text: str) -> Ed25519PublicKey | RSAPublicKey:
    try:
        key = load_der_public_key(base64_bytes(text) or b"")
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PublicKey) or (isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_RSA):
        return key
    raise Misconfigured(
        "the secret must be a public key of GoHighLevel: its PEM without line breaks, first and last line"
    )


def _signature(request: SignedRequest, header: str) -> bytes:
    try:
        return base64.b64decode(request.headers.get(header, ""), validate=True)
    except ValueError:
        return b""


def _has_signed_ed25519(key: Ed25519PublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body)
    except InvalidSignature:
        return False
    return True


def _has_signed_rsa(key: RSAPublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
