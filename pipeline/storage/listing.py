"""Scored leads as lists and single views show them, in pages that a cursor continues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, cast, func, or_, select, text
from sqlalchemy.orm import Session

from pipeline.storage.tables import leads, model_versions, score_history, scores

Sort = Literal["-score", "score", "-updated_at", "updated_at"]


class ListedLead(NamedTuple):
    """One row of leads ⨝ scores."""

    id: int
    source: str
    external_id: str
    stage: str | None
    owner: str | None
    outcome: str | None
    active_at: datetime
    attributes: dict[str, Any]
    received_at: datetime
    score: float
    previous_score: float | None
    confidence: float
    tier: str
    factors: bytes
    model_id: int
    lead_revision: int
    rev: int
    updated_at: datetime


@dataclass(frozen=True)
class Filter:
    """`owners` None is everybody's leads; an empty tuple is nobody's."""

    tiers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owners: tuple[str, ...] | None = None
    changed_since: datetime | None = None


LISTED = (
    leads.c.id,
    leads.c.source,
    leads.c.external_id,
    leads.c.stage,
    scores.c.owner,
    leads.c.outcome,
    leads.c.active_at,
    leads.c.attributes,
    leads.c.received_at,
    scores.c.score,
    scores.c.previous_score,
    scores.c.confidence,
    scores.c.tier,
    scores.c.factors,
    scores.c.model_id,
    scores.c.lead_revision,
    scores.c.rev,
    scores.c.updated_at,
)


def page(db: Session, where: Filter, sort: Sort, after: tuple[Any, int] | None, limit: int) -> Sequence[ListedLead]:
    """`after`: the sort value and the id of the last lead of the page before."""
    column: ColumnElement[Any] = scores.c[sort.removeprefix("-")]
    falling = sort.startswith("-")
    query = select(*LISTED).join_from(scores, leads, scores.c.lead_id == leads.c.id).where(*_conditions(where))
    if after is not None:
        # As the column's own type: 61.3 as a double is not 61.3 as a real.
        value, lead_id = cast(after[0], column.type), after[1]
        beyond = column < value if falling else column > value
        query = query.where(or_(beyond, and_(column == value, scores.c.lead_id > lead_id)))
    order = column.desc() if falling else column.asc()
    return _listed(db, query.order_by(order, scores.c.lead_id).limit(limit))


def total(db: Session, where: Filter) -> int:
    query = select(func.count()).select_from(scores)
    if where.sources:
        query = query.join(leads, scores.c.lead_id == leads.c.id)
    return int(db.execute(query.where(*_conditions(where))).scalar_one())


def find(db: Session, lead_id: int) -> ListedLead | None:
    query = select(*LISTED).join_from(scores, leads, scores.c.lead_id == leads.c.id)
    found = _listed(db, query.where(scores.c.lead_id == lead_id))
    return found[0] if found else None


def history(db: Session, lead_id: int, limit: int) -> Sequence[Sequence[Any]]:
    """The newest first: score, confidence, tier, engine, version, lead_revision, rev, reason, at."""
    h, m = score_history, model_versions
    query = (
        select(
            h.c.score, h.c.confidence, h.c.tier, m.c.engine, m.c.version, h.c.lead_revision, h.c.rev, h.c.reason, h.c.at
        )
        .join_from(h, m, h.c.model_id == m.c.id)
        .where(h.c.lead_id == lead_id)
        .order_by(h.c.rev.desc())
        .limit(limit)
    )
    return db.execute(query).all()


def find_id(db: Session, source: str, external_id: str) -> int | None:
    query = text("SELECT id FROM leads WHERE source = :source AND external_id = :external_id")
    return db.execute(query, {"source": source, "external_id": external_id}).scalar()


def _listed(db: Session, query: Select[Any]) -> list[ListedLead]:
    return [ListedLead(*row) for row in db.execute(query)]


def _conditions(where: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.tiers:
        conditions.append(scores.c.tier.in_(where.tiers))
    if where.sources:
        conditions.append(leads.c.source.in_(where.sources))
    if where.owners is not None:
        conditions.append(scores.c.owner.in_(where.owners))
    if where.changed_since is not None:
        conditions.append(scores.c.updated_at >= where.changed_since)
    return conditions
