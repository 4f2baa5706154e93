"""Access tokens: signed claims that say who asks and what they may see (JWT, HS256)."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from pydantic import ValidationError

from pipeline.errors import Misconfigured, Refused
from pipeline.security import keys
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
    key_id, key = next(iter(_signing_keys(secret_key).items()))
    claims = {
        "sub": sub,
        "role": role.value,
        "owners": list(owners),
        "sid": secrets.token_hex(16),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id})


def verify(secret_key: str, token: str, *, now: datetime | None = None, machines: bool = False) -> Claims:
    """What the token says. Raises Expired, or Refused if this deployment did not sign it for access.

    A machine's token opens only what asks for it with `machines`.
    """
    claims = _claims(_signed(_signing_keys(secret_key), token))
    if (now or datetime.now(UTC)) >= claims.expires_at:
        raise Expired("the access token has expired; sign in again")
    if claims.role.is_machine and not machines:
        raise Refused("a monitor's token opens /health, /health/ready and /metrics only")
    return claims


def _signed(signing_keys: Mapping[str, bytes], token: str) -> dict[str, Any]:
    try:
        key = signing_keys.get(jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
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


def _signing_keys(secret_key: str) -> dict[str, bytes]:
    """By key id, the newest first: while a secret key is rotated, tokens signed with the older one stay good."""
    derived = [keys.derive(secret, "access-token") for secret in secret_key.split()]
    if not derived:
        raise Misconfigured("there is no secret key to sign access tokens with; set SERVICE6_SECRET_KEY")
    return {keys.key_id(key).hex(): key for key in derived}
