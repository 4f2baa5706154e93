"""Access tokens that operators issue until there are accounts."""

import http.client
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pipeline.errors import GiveUp
from pipeline.security.tokens import LONGEST, mint
from pipeline.settings.loader import Settings
from pipeline.settings.sources import DEFAULT_SOURCE
from schemas.access import Role
from workers.supervisor.api_address import api_url

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LIFETIME = re.compile(r"(\d{1,7})([smhd])")
ANSWER_S = 2.0
MONITOR_LIFETIME = LONGEST  # nobody is there to sign in again


def token_lifetime(text: str) -> timedelta:
    """Parse `12h`, `30m`, `7d`, `90s`. Raises ValueError for anything else, for zero and for more than ten years."""
    match = LIFETIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("write a number and s, m, h or d, for example 12h")
    length = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < length <= LONGEST:
        raise ValueError("a token lives between 1s and 3650d")
    return length


def token(settings: Settings, role: Role, *, owners: Sequence[str], sub: str, expires: timedelta | None) -> str:
    """Mint a token. `owners` are written as in the CRM; an e-mail address becomes the pseudonym of its leads."""
    usual = MONITOR_LIFETIME if role.is_machine else timedelta(minutes=settings.tokens.access_minutes)
    return mint(
        settings.secret_key.get_secret_value(),
        role=role,
        sub=sub,
        owners=_stored(settings, owners),
        lifetime=expires or usual,
        now=datetime.now(UTC),
    )


def _stored(settings: Settings, owners: Sequence[str]) -> list[str]:
    if not owners:
        return []
    from workers.command_services import command_services

    with command_services(settings) as services:
        return [services.source_map(DEFAULT_SOURCE).owner(owner) for owner in owners]


def require_running(settings: Settings) -> None:
    """Raises GiveUp if the API does not answer."""
    url = api_url(settings)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health/live")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        raise GiveUp(f"nothing answers at {url}; start it with `service6 up`") from None
    finally:
        connection.close()


def sign_in_link(settings: Settings, minted: str) -> str:
    """The page's address with the token as its fragment, which stays in the browser, so no server logs it."""
    return f"{api_url(settings)}/#token={minted}"
