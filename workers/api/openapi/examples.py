"""Examples of the most important bodies, made from the models, so that they are always valid."""

from datetime import UTC, datetime
from typing import Any

from schemas.api import LeadPage, Problem, ScoreLeadRequest
from schemas.dead_letter import DeadLetter
from schemas.event import Position
from schemas.lead import ScoredLead
from schemas.score import Engine, Factor, LeadScore, Tier

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
POSITION = Position(epoch="5f1d2c", id="1795340000000-0")

SCORE = LeadScore(
    lead_id="42",
    score=61.0,
    confidence=0.72,
    tier=Tier.B,
    explanation="Tier B: came by referral, large budget; quiet for weeks counts against it.",
    base=20.0,
    factors=(
        Factor(attribute="budget", label="large budget", points=9.0, value=250_000),
        Factor(attribute="source", label="came by referral", points=8.0, value="referral"),
        Factor(attribute="last_activity_at", label="quiet for weeks", points=-6.0),
    ),
    others=30.0,
    engine=Engine.SCORECARD,
    model_version="scorecard-1f2e3d",
    lead_revision=3,
    rev=5,
    updated_at=AT,
)
LEAD = ScoredLead(
    id="42",
    source="standard",
    external_id="crm-42",
    stage="qualified",
    owner="Ada Lovelace",
    outcome=None,
    active_at=AT,
    previous_score=57.0,
    score=SCORE,
)
DEAD_LETTER = DeadLetter(
    id="7",
    queue="scoring",
    task="scoring.score_leads",
    arguments={"lead_id": "42"},
    error="TypeError: ",
    attempts=5,
    first_at=AT,
    last_at=AT,
)
PROBLEM = Problem(
    type="about:blank", title="Bad Request", status=400, detail="give lead_id, attributes, or both", pointer=""
)


def by_schema() -> dict[str, Any]:
    """The examples by the name of their schema in the OpenAPI document."""
    models = (
        SCORE,
        LEAD,
        DEAD_LETTER,
        PROBLEM,
        LeadPage(leads=(LEAD,), total=1, next_cursor=None, position=POSITION),
        ScoreLeadRequest(attributes={"budget": 250_000, "source": "referral"}),
    )
    return {type(model).__name__: model.model_dump(mode="json", exclude_unset=True) for model in models}
