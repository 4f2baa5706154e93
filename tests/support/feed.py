"""Score changes as the outbox holds them."""

from datetime import UTC, datetime
from itertools import count

from pipeline.storage.operations.outbox import OutboxRow
from schemas.lead import ScoredLead
from schemas.score import Engine, Factor, LeadScore, Tier

_ids = count(1)


def scored(
    lead: int = 1,
    rev: int = 1,
    *,
    score: float = 50.0,
    owner: str | None = None,
    previous_owner: str | None = None,
    answer: str = "a value",
    padding: int = 0,
) -> OutboxRow:
    """`answer` is what the lead told us, so it may reach only roles that see attributes; `padding` makes it long."""
    return OutboxRow(
        id=next(_ids),
        kind="score",
        key=f"lead:{lead}",
        rev=rev,
        at=datetime.now(UTC),
        previous_score=42.5,
        owner=owner,
        previous_owner=previous_owner,
        body=body(lead, score=score, owner=owner, answer=answer, padding=padding),
    )


def body(lead: int, *, score: float = 50.0, owner: str | None = None, answer: str = "", padding: int = 0) -> str:
    """As the scorer writes it: without `previous_score`, `score.rev` and `score.updated_at`."""
    now = datetime.now(UTC)
    whole = ScoredLead(
        id=str(lead),
        source="standard",
        external_id=f"x{lead}",
        stage="qualified",
        owner=owner,
        outcome=None,
        active_at=now,
        previous_score=None,
        score=LeadScore(
            lead_id=str(lead),
            score=score,
            confidence=0.5,
            tier=Tier.B,
            explanation="B because of its budget." + "." * padding,
            base=30.0,
            others=0.0,
            factors=(Factor(attribute="budget", label="large budget", points=13.0, value=answer),),
            engine=Engine.SCORECARD,
            model_version="scorecard-1",
            lead_revision=1,
            rev=0,
            updated_at=now,
        ),
    )
    return whole.model_dump_json(exclude={"previous_score": True, "score": {"rev", "updated_at"}})
