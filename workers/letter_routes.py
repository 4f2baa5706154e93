"""The API's routes for dead letters: an admin lists them, and decides."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from pipeline.storage import dead_letters
from pipeline.wiring import Services
from schemas.access import Claims
from schemas.dead_letter import DeadLetterPage, Settlement
from workers import letters
from workers.bundles import enqueue_bundles
from workers.contract.told import problems
from workers.cursor import LetterCursor
from workers.once import Key, once
from workers.problems import NotFound
from workers.routes import PAGE_LIMIT, Admin, Own

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

LetterId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_dead_letters(
    own: Own,
    _: Admin,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> DeadLetterPage:
    """Work whose last attempt failed, in pages; `next_cursor` continues."""
    below = dead_letters.NEWEST if cursor is None else LetterCursor.opened(cursor).letter_id
    with own.reading() as db:
        page = dead_letters.page(db, below=below, limit=limit)
        total = dead_letters.count(db)
    following = LetterCursor(letter_id=page[-1].id).sealed() if len(page) == limit else None
    return DeadLetterPage(letters=tuple(map(letters.shown, page)), total=total, next_cursor=following)


@router.post("/{letter_id}/replay", openapi_extra=problems(403, 422))
def replay(letter_id: LetterId, own: Own, who: Admin, key: Key = None) -> Settlement:
    """The work is owed again, with all its attempts, and the letter is gone."""
    owed: list[int] = []

    def act(db: Session) -> list[Settlement]:
        grace = timedelta(seconds=own.settings.upkeep.grace_s)
        replayed = letters.replay(db, [letter_id], actor=who.sub, now=datetime.now(UTC), grace=grace)
        owed.extend(replayed.lead_ids)
        return replayed.settlements

    settlement = _settled(own, who, key, f"replay {letter_id}", act)
    enqueue_bundles(owed, own.settings.intake.message_leads)
    return settlement


@router.post("/{letter_id}/discard", openapi_extra=problems(403, 422))
def discard(letter_id: LetterId, own: Own, who: Admin, key: Key = None) -> Settlement:
    """The work is given up for good; the lead is scored again when it changes."""
    return _settled(own, who, key, f"discard {letter_id}", lambda db: letters.discard(db, [letter_id], actor=who.sub))


def _settled(
    own: Services, who: Claims, key: str | None, asked: str, act: Callable[[Session], list[Settlement]]
) -> Settlement:
    with own.session() as db:

        def one() -> Settlement:
            settlements = act(db)
            if not settlements:
                raise NotFound("there is no such dead letter; somebody may have settled it")
            return settlements[0]

        return once(db, who.sub, key, asked, one, Settlement)
