"""The API's routes for leads and scores. Every one needs a token; what is shown follows from its role."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, StringConstraints

from pipeline.attributes import flatten
from pipeline.errors import Malformed, Refused, TryAgain
from pipeline.security import tokens
from pipeline.storage import listing
from pipeline.wiring import Services
from schemas.access import Claims, Role
from schemas.api import LeadPage, ScoreHistory, ScoreLeadRequest
from schemas.event import Position
from schemas.lead import LeadDetail, ScoreHistoryEntry
from schemas.score import LeadScore, Tier
from workers import views
from workers.cursor import Cursor
from workers.problems import Forbidden, NotFound

HISTORY_LIMIT = 500
PAGE_LIMIT = 500
BODY_LIMIT = 1 << 20  # bytes; a body is read before its token is looked at

bearer = HTTPBearer(auto_error=False, description="`service6 token` makes one")
router = APIRouter(prefix="/api/v1")

# PostgreSQL's text holds no NUL.
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
LeadId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def services(request: Request) -> Services:
    made: Services = request.app.state.services
    return made


def reader(
    own: Annotated[Services, Depends(services)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Claims:
    if credentials is None:
        raise Refused("send `Authorization: Bearer <token>`; `service6 token` makes one")
    return tokens.verify(own.settings.secret_key.get_secret_value(), credentials.credentials)


Own = Annotated[Services, Depends(services)]
Reader = Annotated[Claims, Depends(reader)]


def admin(who: Reader) -> Claims:
    if who.role is not Role.ADMIN:
        raise Forbidden("only an admin may do this")
    return who


Admin = Annotated[Claims, Depends(admin)]


@router.post("/ai/score-lead", max_body_size=BODY_LIMIT)
def score_lead(asked: ScoreLeadRequest, own: Own, who: Reader) -> LeadScore:
    """The saved score of a lead, or what a lead with these attributes would score; that is not saved."""
    if (asked.lead_id is None) == (asked.attributes is None):
        raise Malformed("give either lead_id or attributes", pointer="")
    if asked.attributes is not None:
        limits = own.settings.intake
        told = flatten(asked.attributes, at="/attributes", most=limits.attribute_limit, text_limit=limits.text_limit)
        return own.scorer.attempt(told, datetime.now(UTC))
    return views.lead_score(own, _visible(own, who, int(asked.lead_id or 0)), who.role)


@router.get("/leads")
def list_leads(
    own: Own,
    who: Reader,
    tier: Annotated[list[Tier], Query()] = [],  # noqa: B006 - FastAPI copies it
    source: Annotated[list[Name], Query(max_length=20)] = [],  # noqa: B006
    owner: Annotated[list[Name], Query(max_length=20)] = [],  # noqa: B006
    changed_since: AwareDatetime | None = None,
    sort: listing.Sort = "-score",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> LeadPage:
    """Leads that have a score, in pages; `next_cursor` continues. An agent gets own leads only."""
    where = listing.Filter(tuple(tier), tuple(source), _owners(who, owner), changed_since)
    after = None if cursor is None else Cursor.read(cursor, sort)
    position = _position(own)  # before the rows, so that the feed from there misses nothing
    with own.reading() as db:
        rows = listing.page(db, where, sort, after, limit)
        total = listing.total(db, where)
    following = Cursor.after(rows[-1], sort).sealed() if len(rows) == limit else None
    return LeadPage.model_construct(
        leads=views.scored_leads(own, rows, who.role), total=total, next_cursor=following, position=position
    )


@router.get("/leads/{lead_id}")
def get_lead(lead_id: LeadId, own: Own, who: Reader) -> LeadDetail:
    return views.lead_detail(own, _visible(own, who, lead_id), who.role)


@router.get("/leads/{lead_id}/scores")
def get_scores(lead_id: LeadId, own: Own, who: Reader) -> ScoreHistory:
    """The newest first, 500 at most."""
    _visible(own, who, lead_id)
    with own.reading() as db:
        rows = listing.history(db, lead_id, HISTORY_LIMIT)
    names = ("score", "confidence", "tier", "engine", "model_version", "lead_revision", "rev", "reason", "at")
    return ScoreHistory(scores=tuple(ScoreHistoryEntry(**dict(zip(names, row, strict=True))) for row in rows))


def _visible(own: Services, who: Claims, lead_id: int) -> listing.ListedLead:
    with own.reading() as db:
        row = listing.find(db, lead_id)
    if row is None or not who.may_see_lead_of(row.owner):
        raise NotFound(f"there is no scored lead {lead_id} that you may see")
    return row


def _owners(who: Claims, asked: list[str]) -> tuple[str, ...] | None:
    if not who.role.sees_own_leads_only:
        return tuple(asked) or None
    return tuple(owner for owner in who.owners if not asked or owner in asked)


def _position(own: Services) -> Position | None:
    try:
        return own.stream.position()
    except TryAgain:
        return None
