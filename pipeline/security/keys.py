"""Derives a key for each purpose from the deployment's one secret key."""

from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.errors import Misconfigured

KEY_BYTES = 32
KEY_ID_BYTES = 4
UNSET = "SERVICE6_SECRET_KEY is not set; make one with: openssl rand -base64 32"


def derive(secret_key: str, purpose: str) -> bytes:
    """A key of 32 bytes that reveals nothing of the secret key or of another purpose's key (HKDF-SHA256, RFC 5869)."""
    if not secret_key:
        raise Misconfigured(UNSET)
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=b"service6", info=purpose.encode()).derive(secret_key.encode())


def key_id(key: bytes) -> bytes:
    return sha256(b"service6 key id" + key).digest()[:KEY_ID_BYTES]
