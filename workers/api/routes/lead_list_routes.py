"""The API's routes for lists of leads and for scoring. Every one needs a token; what is shown follows from its role."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BeforeValidator, Field, StringConstraints

from pipeline.errors import Malformed, NotFound, TryAgain
from pipeline.leads.attributes import flatten
from pipeline.security.privacy import looks_personal
from pipeline.settings.sources import DEFAULT_SOURCE
from pipeline.storage.leads import contacts, lead_list
from pipeline.wiring import Services
from schemas.access import Claims
from schemas.api import Choices, ContactLookup, LeadPage, ScoreLeadRequest
from schemas.event import Position
from schemas.moment import Moment
from schemas.score import LeadScore, Tier
from workers.api import views
from workers.api.access import AttributesUser, CurrentServices, CurrentUser
from workers.api.cursor import Cursor
from workers.api.errors import Forbidden, OverBudget
from workers.api.json_route import JsonRoute
from workers.api.openapi.problem_responses import problems

PAGE_LIMIT = 500
LOOKUP_LIMIT = 50
CHOICE_LIMIT = 200  # of each kind: nobody reads a longer list
BODY_LIMIT = 1 << 20  # bytes; a body is read before its token is looked at

router = APIRouter(prefix="/api/v1", tags=["leads"], route_class=JsonRoute)

LeadId = Annotated[int, Field(ge=1, le=2**63 - 1)]
# PostgreSQL's text holds no NUL.
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


def _no_number(value: object) -> object:
    """pydantic takes one for seconds since 1970."""
    if isinstance(value, str) and not value.strip("0123456789.+-"):
        raise ValueError("give a moment as 2026-11-22T09:30:00Z")
    return value


ChangedSince = Annotated[Moment, BeforeValidator(_no_number)]


def score_lead_budget(request: Request, services: CurrentServices, who: CurrentUser) -> None:
    """The answer tells what is left of it, whatever the answer is."""
    budget = services.score_lead_budget.take(who.sub)
    request.state.budget = budget
    if budget is not None and not budget.allowed:
        told = f"{budget.limit} requests in {budget.window_s} s are all that one user may make; wait a moment"
        raise OverBudget(told, after_s=budget.reset_s)


@router.post(
    "/ai/score-lead",
    max_body_size=BODY_LIMIT,
    dependencies=[Depends(score_lead_budget)],
    openapi_extra=problems(403, 404, 429),
)
def score_lead(asked: ScoreLeadRequest, services: CurrentServices, who: CurrentUser) -> LeadScore:
    """The saved score of a lead, or what it, or any lead, would score with these attributes; that is not saved."""
    row = None if asked.lead_id is None else visible_lead(services, who, int(asked.lead_id))
    if asked.attributes is None:
        if row is None:
            raise Malformed("give lead_id, attributes, or both", pointer="")
        return views.lead_score(services, row, who.role)
    limits = services.settings.intake
    told = flatten(asked.attributes, at="/attributes", most=limits.attribute_limit, text_limit=limits.text_limit).values
    now = datetime.now(UTC)
    if row is None:
        return services.champion.scorer.attempt(services.source_map(DEFAULT_SOURCE).tried(told), now)
    if not who.role.sees_attributes:
        raise Forbidden("your role does not see a lead's attributes, so it cannot try others")
    tried = services.source_map(row.source).tried(told, row.attributes)
    return services.champion.scorer.attempt(tried, now, row.active_at)


@router.get("/leads")
def list_leads(
    services: CurrentServices,
    who: CurrentUser,
    tier: Annotated[list[Tier], Query()] = [],  # noqa: B006 - FastAPI copies it
    source: Annotated[list[Name], Query(max_length=20)] = [],  # noqa: B006
    owner: Annotated[list[Name], Query(max_length=20)] = [],  # noqa: B006
    stage: Annotated[list[Name], Query(max_length=20)] = [],  # noqa: B006
    id: Annotated[list[LeadId], Query(max_length=PAGE_LIMIT)] = [],  # noqa: B006
    q: Annotated[Name, Query(description="how the external id begins, in upper or lower case")] = "",
    changed_since: ChangedSince | None = None,
    sort: lead_list.Sort = "-score",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> LeadPage:
    """Leads that have a score, in pages; `next_cursor` continues. An agent gets own leads only."""
    if looks_personal(q):
        raise Malformed("addresses are logged: send an e-mail or telephone number to /leads/lookup", pointer="/q")
    where = lead_list.Filter(
        tuple(tier), tuple(source), _owners(who, owner), tuple(stage), q, tuple(id) or None, changed_since
    )
    after = None if cursor is None else Cursor.read(cursor, sort)
    position = _position(services)  # before the rows, so that the feed from there misses nothing
    with services.reading() as db:
        rows = lead_list.page(db, where, sort, after, limit)
        total = lead_list.total(db, where)
    following = Cursor.after(rows[-1], sort).sealed() if len(rows) == limit else None
    return LeadPage.model_construct(
        leads=views.scored_leads(services, rows, who.role), total=total, next_cursor=following, position=position
    )


@router.get("/leads/choices")
def list_choices(services: CurrentServices, who: CurrentUser) -> Choices:
    """What the list can be filtered by: sources, owners and stages of the leads that the reader sees."""
    with services.reading() as db:
        found = lead_list.choices(db, _owners(who, []), CHOICE_LIMIT)
    return Choices(sources=tuple(found["source"]), owners=tuple(found["owner"]), stages=tuple(found["stage"]))


@router.post("/leads/lookup", max_body_size=BODY_LIMIT, openapi_extra=problems(403))
def look_up(asked: ContactLookup, services: CurrentServices, who: AttributesUser) -> LeadPage:
    """Leads with exactly this e-mail address or telephone number, 50 at most; not for roles that see no attributes.

    It stands in the body because addresses are logged, and nothing here logs a body.
    """
    email, phones = services.vault.indexes(asked.contact)
    if email is None and not phones:
        raise Malformed("neither an e-mail address nor a telephone number", pointer="/contact")
    position = _position(services)
    with services.reading() as db:
        ids = contacts.find(db, email, phones, LOOKUP_LIMIT)
        ids += lead_list.find_ids(db, services.vault.pseudonym(asked.contact), LOOKUP_LIMIT)
        where = lead_list.Filter(ids=tuple(ids), owners=_owners(who, []))
        rows = lead_list.page(db, where, "-score", None, LOOKUP_LIMIT)
    return LeadPage.model_construct(
        leads=views.scored_leads(services, rows, who.role), total=len(rows), next_cursor=None, position=position
    )


def visible_lead(services: Services, who: Claims, lead_id: int) -> lead_list.ListedLead:
    """Raises NotFound, also where the lead is somebody else's: that it exists is not this reader's to know."""
    with services.reading() as db:
        row = lead_list.find(db, lead_id)
    if row is None or not who.may_see_lead_of(row.owner):
        raise NotFound(f"there is no scored lead {lead_id} that you may see")
    return row


def _owners(who: Claims, asked: list[str]) -> tuple[str, ...] | None:
    if not who.role.sees_own_leads_only:
        return tuple(asked) or None
    return tuple(owner for owner in who.owners if not asked or owner in asked)


def _position(services: Services) -> Position | None:
    try:
        return services.stream.position()
    except TryAgain:
        return None
