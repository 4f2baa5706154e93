"""Turns rows into what a reader of this role may see."""

from collections.abc import Sequence
from typing import Any

from pipeline.scoring import term_moves
from pipeline.storage.leads.lead_list import ListedLead, PastScore
from pipeline.storage.leads.timeline import TimelineRow
from pipeline.wiring import Services
from schemas.access import Role
from schemas.api import TimelineDelivery
from schemas.lead import LeadDetail, Outcome, ScoredLead, ScoreHistoryEntry
from schemas.score import LeadScore, TermMove, Tier

KEPT = ("score", "confidence", "tier", "engine", "model_version", "lead_revision", "rev", "reason", "at")


def scored_leads(services: Services, rows: Sequence[ListedLead], role: Role) -> tuple[ScoredLead, ...]:
    return tuple(ScoredLead.model_construct(**_common(services, row, role)) for row in rows)


def lead_detail(services: Services, row: ListedLead, role: Role) -> LeadDetail:
    return LeadDetail.model_construct(
        **_common(services, row, role),
        attributes=row.attributes if role.sees_attributes else None,
        received_at=row.received_at,
    )


def lead_score(services: Services, row: ListedLead, role: Role) -> LeadScore:
    """The saved score, explained by the model version that made it."""
    scorer = services.scorer_of(row.model_id)
    tier = Tier(row.tier)
    attributes = row.attributes if role.sees_attributes else None
    return LeadScore.model_construct(
        lead_id=str(row.id),
        score=row.score,
        confidence=row.confidence,
        tier=tier,
        **scorer.read(row.factors, row.score, row.confidence, tier, attributes, row.active_at),
        engine=scorer.model.engine,
        model_version=scorer.model.version,
        lead_revision=row.lead_revision,
        rev=row.rev,
        updated_at=row.updated_at,
    )


def history(services: Services, rows: Sequence[PastScore], limit: int) -> tuple[ScoreHistoryEntry, ...]:
    """`rows`: the newest first, one beyond `limit` so that the oldest shown has one to compare with."""
    entries = []
    for n, row in enumerate(rows[:limit]):
        moves = _moves(services, rows[n + 1], row) if n + 1 < len(rows) else None
        entries.append(ScoreHistoryEntry(**{name: getattr(row, name) for name in KEPT}, moves=moves))
    return tuple(entries)


def _moves(services: Services, before: PastScore, after: PastScore) -> tuple[TermMove, ...] | None:
    if before.bins is None or after.bins is None:
        return None
    scorer = services.scorer_of(after.model_id)
    if before.model_id == after.model_id:
        return term_moves.within(scorer.model, bytes(before.bins), bytes(after.bins))
    old = services.scorer_of(before.model_id)
    return term_moves.across(old.terms(bytes(before.bins)), scorer.terms(bytes(after.bins)))


def delivery(row: TimelineRow, role: Role) -> TimelineDelivery:
    contents = row.told
    attributes = contents["attributes"]
    return TimelineDelivery(
        at=row.at,
        received_at=row.received_at,
        attributes=attributes if role.sees_attributes else None,
        attribute_count=len(attributes) + contents.get("more", 0),
        contact_count=contents.get("contacts", 0),
        stage=contents.get("stage"),
        owner=contents.get("owner"),
        outcome=contents.get("outcome"),
    )


def _common(services: Services, row: ListedLead, role: Role) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "source": row.source,
        "external_id": row.external_id,
        "stage": row.stage,
        "owner": row.owner,
        "outcome": None if row.outcome is None else Outcome(row.outcome),
        "active_at": row.active_at,
        "previous_score": row.previous_score,
        "score": lead_score(services, row, role),
    }
