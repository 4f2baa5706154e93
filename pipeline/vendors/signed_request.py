"""The input of verifiers, and a comparison in constant time."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pipeline.errors import Misconfigured

SHORTEST_SECRET = 16  # characters of one that stands in the request itself, where it could be guessed at
QUOTES = ("'", '"', "`")
MAKE_ONE = "openssl rand -hex 24"


class SignedRequest(NamedTuple):
    """A request to verify. `uri`: public address, path as it came, query. `headers` by name in lower case."""

    method: str
    uri: str
    body: bytes
    headers: Mapping[str, str]


class Verifier(Protocol):
    def verify(self, request: SignedRequest, now: datetime) -> str | None:
        """Verifies a request; returns the delivery's id if a header has it. Raises Refused with a neutral reason."""


def matches(given: bytes, expected: Sequence[bytes]) -> bool:
    """Whether `given` is one of these; always compares with all of them, in constant time."""
    return any([hmac.compare_digest(given, secret) for secret in expected])


def strong_secrets(secrets: Sequence[str], form: str) -> tuple[bytes, ...]:
    """The secrets as they stand in a request, or Misconfigured with the `form` that is expected."""
    if any(secret[:1] in QUOTES and secret[:1] == secret[-1:] for secret in secrets):
        raise Misconfigured("the secret stands in quotes, which would be part of it; leave them out")
    if any(len(_guessable(secret, form)) < SHORTEST_SECRET for secret in secrets):
        raise Misconfigured(f"the secret must be {form}, of {SHORTEST_SECRET} characters at least")
    return tuple(secret.encode() for secret in secrets)


def _guessable(secret: str, form: str) -> str:
    """The part of a secret that nobody may guess: all of it, or what follows the first colon of such a `form`."""
    if ":" not in form:
        return secret
    name, _, rest = secret.partition(":")
    # Without both parts, and with the beginning of an address before them, it would open nothing.
    return rest if name and not rest.startswith("//") else ""
