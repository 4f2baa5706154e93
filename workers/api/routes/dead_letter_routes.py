"""The API's routes for dead letters: an admin lists them, and decides."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from pipeline.errors import NotFound
from pipeline.services import settle_dead_letters
from pipeline.storage.operations import dead_letters
from pipeline.wiring import Services
from schemas.access import Claims
from schemas.dead_letter import DeadLetterPage, DeadLetterResolution
from workers.api.access import AdminUser, CurrentServices
from workers.api.cursor import DeadLetterCursor
from workers.api.dead_letter_views import dead_letter
from workers.api.idempotency import IdempotencyKey, idempotent
from workers.api.openapi.problem_responses import problems
from workers.api.routes.lead_list_routes import PAGE_LIMIT

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

LetterId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", openapi_extra=problems(403))
def list_dead_letters(
    services: CurrentServices,
    _: AdminUser,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> DeadLetterPage:
    """Work whose last attempt failed, in pages; `next_cursor` continues."""
    below = dead_letters.NEWEST if cursor is None else DeadLetterCursor.opened(cursor).letter_id
    with services.reading() as db:
        page = dead_letters.page(db, below=below, limit=limit)
        total = dead_letters.count(db)
    following = DeadLetterCursor(letter_id=page[-1].id).sealed() if len(page) == limit else None
    return DeadLetterPage(letters=tuple(map(dead_letter, page)), total=total, next_cursor=following)


@router.post("/{letter_id}/replay", openapi_extra=problems(403, 422))
def replay(
    letter_id: LetterId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None
) -> DeadLetterResolution:
    """The work is owed again, with all its attempts, and the letter is gone."""
    settings = services.settings

    def act(db: Session) -> list[DeadLetterResolution]:
        return settle_dead_letters.replay(
            db,
            [letter_id],
            actor=who.sub,
            now=datetime.now(UTC),
            grace=timedelta(seconds=settings.upkeep.grace_s),
            message_leads=settings.intake.message_leads,
        )

    return _settled(services, who, key, f"replay {letter_id}", act)


@router.post("/{letter_id}/discard", openapi_extra=problems(403, 422))
def discard(
    letter_id: LetterId, services: CurrentServices, who: AdminUser, key: IdempotencyKey = None
) -> DeadLetterResolution:
    """The work is given up for good; the lead is scored again when it changes."""
    return _settled(
        services,
        who,
        key,
        f"discard {letter_id}",
        lambda db: settle_dead_letters.discard(db, [letter_id], actor=who.sub),
    )


def _settled(
    services: Services, who: Claims, key: str | None, asked: str, act: Callable[[Session], list[DeadLetterResolution]]
) -> DeadLetterResolution:
    with services.session() as db:

        def one() -> DeadLetterResolution:
            settlements = act(db)
            if not settlements:
                raise NotFound("there is no such dead letter; somebody may have settled it")
            return settlements[0]

        return idempotent(db, who.sub, key, asked, one, DeadLetterResolution)
