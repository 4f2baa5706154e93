"""Reads `Authorization: Bearer <token>` where no framework does."""

from collections.abc import Mapping

MISSING = "send `Authorization: Bearer <token>`; `service6 token` makes one"


def bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else None
