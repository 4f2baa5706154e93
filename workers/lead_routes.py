"""The API's routes for one lead: what is known of it, and how it came to be so."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from pipeline.scoring.levers import levers
from pipeline.storage import listing, timeline
from schemas.api import Levers, ScoreHistory, Timeline
from schemas.lead import LeadDetail
from workers import views
from workers.contract.told import problems
from workers.problems import Forbidden
from workers.routes import Own, Reader, visible

HISTORY_LIMIT = 500
TIMELINE_LIMIT = 200

router = APIRouter(prefix="/api/v1/leads/{lead_id}", tags=["leads"])

LeadId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("")
def get_lead(lead_id: LeadId, own: Own, who: Reader) -> LeadDetail:
    """A lead with its score and, for roles that see them, its attributes."""
    return views.lead_detail(own, visible(own, who, lead_id), who.role)


@router.get("/scores")
def get_scores(lead_id: LeadId, own: Own, who: Reader) -> ScoreHistory:
    """The newest first, 500 at most, each with what moved it since the one before."""
    visible(own, who, lead_id)
    with own.reading() as db:
        rows = listing.history(db, lead_id, HISTORY_LIMIT + 1)
    return ScoreHistory(scores=views.history(own, rows, HISTORY_LIMIT))


@router.get("/deliveries")
def get_deliveries(lead_id: LeadId, own: Own, who: Reader) -> Timeline:
    """What each delivery told that was new, the newest first, 200 at most; values for roles that see attributes."""
    row = visible(own, who, lead_id)
    with own.reading() as db:
        noted = timeline.of_lead(db, lead_id, TIMELINE_LIMIT)
    return Timeline(deliveries=tuple(views.delivery(each, who.role) for each in noted), received_at=row.received_at)


@router.get("/levers", openapi_extra=problems(403))
def get_levers(lead_id: LeadId, own: Own, who: Reader) -> Levers:
    """What can be tried on this lead with score-lead: each feature of the model with the lead's own value."""
    if not who.role.sees_attributes:
        raise Forbidden("your role does not see a lead's attributes")
    row = visible(own, who, lead_id)
    return Levers(levers=levers(own.champion.scorer.model, row.attributes, row.active_at, datetime.now(UTC)))
