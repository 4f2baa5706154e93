"""`Idempotency-Key`: a write that is sent twice is done once and answered twice."""

from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, TypeVar

from fastapi import Header
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.security.privacy import looks_personal
from pipeline.storage.operations import idempotency_keys
from schemas.frozen import Frozen

Result = TypeVar("Result", bound=Frozen)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="of your choice, new for each write: sent again within a day it gets the first answer again",
    ),
]


class IdempotencyKeyReused(GiveUp):
    """The key belongs to another request."""


def idempotent(
    db: Session, actor: str, key: str | None, asked_for: str, act: Callable[[], Result], kind: type[Result]
) -> Result:
    """The answer of `act`, or its answer when this actor first sent the key.

    The key is kept in the transaction that `act` works in, so neither can happen without the other; a failure keeps
    nothing. `asked_for` names the whole request. Raises IdempotencyKeyReused.
    Source: draft-ietf-httpapi-idempotency-key-header.
    """
    if key is None:
        return act()
    if looks_personal(key):  # clients choose it
        key = f"sha256:{sha256(key.encode()).hexdigest()}"
    request = sha256(asked_for.encode()).digest()
    earlier = idempotency_keys.claim(db, actor, key, request)
    if earlier is None:
        answer = act()
        idempotency_keys.keep(db, actor, key, answer.model_dump(mode="json"))
        return answer
    if earlier.request != request:
        raise IdempotencyKeyReused("this Idempotency-Key was sent with another request; choose a new one")
    return kind.model_validate(earlier.answer)
