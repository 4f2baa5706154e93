"""Access tokens: signed claims that say who asks and what they may see (JWT, HS256)."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from pipeline.errors import Misconfigured, Refused
from schemas.access import Claims, Role

ALGORITHM = "HS256"
AUDIENCE = "service6"
REQUIRED = ["sub", "role", "owners", "sid", "aud", "iat", "exp"]


class Expired(Refused):
    """The token was good once; a fresh one will do."""


def mint(
    secret_key: str,
    *,
    role: Role,
    sub: str,
    owners: Sequence[str] = (),
    lifetime: timedelta,
    now: datetime,
) -> str:
    """A token good from `now` for `lifetime`, in a session of its own; Misconfigured without a secret key."""
    key = _signing_key(secret_key)
    claims = {
        "sub": sub,
        "role": role.value,
        "owners": list(owners),
        "sid": secrets.token_hex(16),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": _key_id(key)})


def verify(secret_key: str, token: str, *, now: datetime | None = None) -> Claims:
    """What the token says. Raises Expired, or Refused if this deployment did not sign it for access."""
    key = _signing_key(secret_key)
    signed = _signed(key, token)
    claims = _claims(signed)
    if (now or datetime.now(UTC)) >= claims.expires_at:
        raise Expired("the access token has expired; sign in again")
    return claims


def _signed(key: bytes, token: str) -> dict[str, Any]:
    try:
        if jwt.get_unverified_header(token).get("kid") != _key_id(key):
            raise Refused("the access token was signed with a key that is not ours")
        # The clock is ours to read (tests turn it), so PyJWT leaves the times alone.
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.MissingRequiredClaimError as error:
        raise Refused(f"the access token lacks the claim {error.claim}") from None
    except jwt.InvalidAudienceError:
        raise Refused(f"the access token is not meant for {AUDIENCE}") from None
    # JSON nested without end, or text that is no text: a stranger's token must not end in a server error.
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise Refused("the access token is forged or damaged") from None


def _claims(signed: dict[str, Any]) -> Claims:
    try:
        return Claims.model_validate(
            {
                "sub": signed["sub"],
                "role": signed["role"],
                "owners": signed["owners"],
                "sid": signed["sid"],
                "expires_at": signed["exp"],
            }
        )
    except ValidationError:
        raise Refused("the access token holds claims that make no sense") from None


def _signing_key(secret_key: str) -> bytes:
    if not secret_key:
        raise Misconfigured("there is no secret key to sign access tokens with; set SERVICE6_SECRET_KEY")
    # A key of its own for each purpose, so that nothing signed for one is good for another.
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"access-token").derive(
        secret_key.encode()
    )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"key-id" + key).hexdigest()[:16]
