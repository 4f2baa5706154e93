"""The API's routes for one lead: what is known of it, and how it came to be so."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from pipeline.scoring.what_if import what_if_inputs
from pipeline.storage.leads import lead_list, timeline
from schemas.api import LeadTimeline, ScoreHistory, WhatIfInputs
from schemas.lead import LeadDetail
from workers.api import views
from workers.api.access import CurrentServices, CurrentUser
from workers.api.errors import Forbidden
from workers.api.openapi.problem_responses import problems
from workers.api.routes.lead_list_routes import visible_lead

HISTORY_LIMIT = 500
TIMELINE_LIMIT = 200

router = APIRouter(prefix="/api/v1/leads/{lead_id}", tags=["leads"])

LeadId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("")
def get_lead(lead_id: LeadId, services: CurrentServices, who: CurrentUser) -> LeadDetail:
    """A lead with its score and, for roles that see them, its attributes."""
    return views.lead_detail(services, visible_lead(services, who, lead_id), who.role)


@router.get("/scores")
def get_scores(lead_id: LeadId, services: CurrentServices, who: CurrentUser) -> ScoreHistory:
    """The newest first, 500 at most, each with what moved it since the one before."""
    visible_lead(services, who, lead_id)
    with services.reading() as db:
        rows = lead_list.history(db, lead_id, HISTORY_LIMIT + 1)
    return ScoreHistory(scores=views.history(services, rows, HISTORY_LIMIT))


@router.get("/deliveries")
def get_deliveries(lead_id: LeadId, services: CurrentServices, who: CurrentUser) -> LeadTimeline:
    """What each delivery told that was new, the newest first, 200 at most; values for roles that see attributes."""
    row = visible_lead(services, who, lead_id)
    with services.reading() as db:
        noted = timeline.of_lead(db, lead_id, TIMELINE_LIMIT)
    return LeadTimeline(deliveries=tuple(views.delivery(each, who.role) for each in noted), received_at=row.received_at)


@router.get("/levers", openapi_extra=problems(403))
def get_levers(lead_id: LeadId, services: CurrentServices, who: CurrentUser) -> WhatIfInputs:
    """What can be tried on this lead with score-lead: each feature of the model with the lead's own value."""
    if not who.role.sees_attributes:
        raise Forbidden("your role does not see a lead's attributes")
    row = visible_lead(services, who, lead_id)
    return WhatIfInputs(
        levers=what_if_inputs(services.champion.scorer.model, row.attributes, row.active_at, datetime.now(UTC))
    )
