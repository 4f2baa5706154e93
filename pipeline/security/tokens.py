"""Access tokens: signed claims that say who calls and what they may see (JWT, HS256)."""

import math
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from pydantic import ValidationError

from pipeline.errors import GiveUp, Misconfigured, Refused
from pipeline.security import keys
from schemas.access import Claims, Role

ALGORITHM = "HS256"
AUDIENCE = "service6"
REQUIRED = ["sub", "role", "owners", "sid", "aud", "iat", "exp"]
# Headers with anything else are refused, because we do not interpret it: `zip`, `crit`, `b64`, a key in the token.
HEADER = frozenset({"alg", "typ", "kid"})
TYPE = "JWT"
LEEWAY = timedelta(seconds=60)  # by which the clock of another of our machines may be ahead
LONGEST = timedelta(days=3650)
TOKEN_LIMIT = 8192  # characters; servers and proxies take no longer header


class Expired(Refused):
    """The token was valid once; a new one is needed."""


def mint(
    secret_key: str,
    *,
    role: Role,
    sub: str,
    owners: Sequence[str] = (),
    lifetime: timedelta,
    now: datetime,
) -> str:
    """A token valid from `now` for `lifetime`, with its own session; raises Misconfigured without a secret key."""
    key_id, key = next(iter(_signing_keys(secret_key).items()))
    session = secrets.token_hex(16)
    try:
        Claims(sub=sub, role=role, owners=tuple(owners), sid=session, expires_at=now + lifetime)
    except ValidationError as error:
        raise GiveUp(f"no token can be made: {_first(error)}") from None
    claims = {
        "sub": sub,
        "role": role.value,
        "owners": list(owners),
        "sid": session,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
    }
    token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id})
    if len(token) > TOKEN_LIMIT:
        raise GiveUp("no token can be made: it would be too long for a header; name fewer owners")
    return token


def verify(secret_key: str, token: str, *, now: datetime | None = None, machines: bool = False) -> Claims:
    """The claims of a valid token. Raises Expired, or Refused if this deployment did not sign it for access.

    A machine's token is accepted only with `machines`.
    """
    now = now or datetime.now(UTC)
    if len(token) > TOKEN_LIMIT:
        raise Refused(f"an access token has at most {TOKEN_LIMIT} characters")
    signed = _signed(_signing_keys(secret_key), token)
    begins = [_moment(signed, name) for name in ("iat", "nbf") if name in signed]
    ends = _moment(signed, "exp")
    claims = _claims(signed, ends)
    if max(begins) > now + LEEWAY:
        raise Refused("the access token is of the future; set the clock of the machine that made it")
    if ends - begins[0] > LONGEST:
        raise Refused(f"an access token lives {LONGEST.days} days at most")
    if now >= ends:
        raise Expired("the access token has expired; sign in again")
    if claims.role.is_machine and not machines:
        raise Refused("a monitor's token opens /health, /health/ready and /metrics only")
    return claims


def _signed(signing_keys: Mapping[str, bytes], token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        key = signing_keys.get(header.get("kid", ""))
        if key is None:
            raise Refused("the access token was signed with a key that is not ours")
        if not header.keys() <= HEADER or header.get("typ", TYPE) != TYPE:
            raise Refused("the access token has a header that is not ours")
        # We check the times ourselves, because tests set the clock, so PyJWT does not.
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


def _moment(signed: Mapping[str, Any], name: str) -> datetime:
    """A claim that is a time: seconds since 1970, as RFC 7519 requires; raises Refused for anything else."""
    claim = signed[name]
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise Refused(f"the access token's {name} is no time")
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(f"the access token's {name} is no time") from None


def _claims(signed: dict[str, Any], ends: datetime) -> Claims:
    try:
        return Claims.model_validate(
            {
                "sub": signed["sub"],
                "role": signed["role"],
                "owners": signed["owners"],
                "sid": signed["sid"],
                "expires_at": ends,
            }
        )
    except ValidationError:
        raise Refused("the access token holds claims that make no sense") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"


def _signing_keys(secret_key: str) -> dict[str, bytes]:
    """The keys by key id, the newest first: while a secret key is rotated, tokens of the older one stay valid."""
    derived = [keys.derive(secret, "access-token") for secret in secret_key.split()]
    if not derived:
        raise Misconfigured("there is no secret key to sign access tokens with; set SERVICE6_SECRET_KEY")
    return {keys.key_id(key).hex(): key for key in derived}
