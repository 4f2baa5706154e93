"""Reads scored leads for lists and single views, in pages that a cursor continues."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, cast, func, or_, select, text
from sqlalchemy.orm import Session

from pipeline.storage.platform.tables import leads, model_versions, score_history, scores

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


class PastScore(NamedTuple):
    """One row of score_history; `bins` is None for scores from before they were stored."""

    score: float
    confidence: float
    tier: str
    engine: str
    model_version: str
    lead_revision: int
    rev: int
    reason: str
    at: datetime
    model_id: int
    bins: bytes | None


@dataclass(frozen=True)
class Filter:
    """`owners` None is everybody's leads; an empty tuple is nobody's. `prefix`: how the external id begins."""

    tiers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owners: tuple[str, ...] | None = None
    stages: tuple[str, ...] = ()
    prefix: str = ""
    ids: tuple[int, ...] | None = None
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
    """One page of leads. `after`: the sort value and the id of the last lead of the previous page."""
    column: ColumnElement[Any] = scores.c[sort.removeprefix("-")]
    falling = sort.startswith("-")
    query = _filtered(select(scores.c.lead_id), where)
    if after is not None:
        # As the column's own type: 61.3 as a double is not 61.3 as a real.
        value, lead_id = cast(after[0], column.type), after[1]
        beyond = column < value if falling else column > value
        query = query.where(or_(beyond, and_(column == value, scores.c.lead_id > lead_id)))
    order = (column.desc() if falling else column.asc(), scores.c.lead_id)
    # First the ids, then their rows: a sort of all leads with their attributes would not fit into memory.
    few = query.order_by(*order).limit(limit).cte("few").prefix_with("MATERIALIZED")
    listed = select(*LISTED).join_from(few, scores, few.c.lead_id == scores.c.lead_id)
    return _listed(db, listed.join(leads, scores.c.lead_id == leads.c.id).order_by(*order))


def total(db: Session, where: Filter) -> int:
    return int(db.execute(_filtered(select(func.count()).select_from(scores), where)).scalar_one())


def choices(db: Session, owners: tuple[str, ...] | None, limit: int) -> dict[str, list[str]]:
    """The sources, owners and stages of the leads that these owners have, each with the most frequent first."""
    words: dict[str, list[str]] = {"source": [], "owner": [], "stage": []}
    everybody = owners is None
    for column, word in db.execute(CHOICES, {"everybody": everybody, "owners": list(owners or ()), "limit": limit}):
        words[column].append(word)
    return words


def find(db: Session, lead_id: int) -> ListedLead | None:
    query = select(*LISTED).join_from(scores, leads, scores.c.lead_id == leads.c.id)
    rows = _listed(db, query.where(scores.c.lead_id == lead_id))
    return rows[0] if rows else None


def history(db: Session, lead_id: int, limit: int) -> list[PastScore]:
    """The scores that a lead has had, the newest first."""
    h, m = score_history, model_versions
    columns = (h.c.score, h.c.confidence, h.c.tier, m.c.engine, m.c.version, h.c.lead_revision, h.c.rev, h.c.reason)
    query = (
        select(*columns, h.c.at, h.c.model_id, h.c.bins)
        .join_from(h, m, h.c.model_id == m.c.id)
        .where(h.c.lead_id == lead_id)
        .order_by(h.c.rev.desc())
        .limit(limit)
    )
    return [PastScore(*row) for row in db.execute(query)]


def find_id(db: Session, source: str, external_id: str) -> int | None:
    query = text("SELECT id FROM leads WHERE source = :source AND external_id = :external_id")
    return db.execute(query, {"source": source, "external_id": external_id}).scalar()


def find_ids(db: Session, external_id: str, limit: int) -> list[int]:
    """Leads of any source with this id."""
    query = text("SELECT id FROM leads WHERE lower(external_id) = lower(:external_id) LIMIT :limit")
    return list(db.execute(query, {"external_id": external_id, "limit": limit}).scalars())


def _listed(db: Session, query: Select[Any]) -> list[ListedLead]:
    return [ListedLead(*row) for row in db.execute(query)]


def _filtered(query: Select[Any], where: Filter) -> Select[Any]:
    if where.sources or where.stages or where.prefix:
        query = query.join(leads, scores.c.lead_id == leads.c.id)
    return query.where(*_conditions(where))


def _literal(prefix: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", prefix)


def _conditions(where: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if where.tiers:
        conditions.append(scores.c.tier.in_(where.tiers))
    if where.sources:
        conditions.append(leads.c.source.in_(where.sources))
    if where.owners is not None:
        conditions.append(scores.c.owner.in_(where.owners))
    if where.stages:
        conditions.append(leads.c.stage.in_(where.stages))
    if where.prefix:
        conditions.append(func.lower(leads.c.external_id).like(func.lower(_literal(where.prefix) + "%")))
    if where.ids is not None:
        conditions.append(scores.c.lead_id.in_(where.ids))
    if where.changed_since is not None:
        conditions.append(scores.c.updated_at >= where.changed_since)
    return conditions


CHOICES = text("""
    WITH counted AS (
        SELECT l.source, s.owner, l.stage, count(*) AS leads, grouping(l.source, s.owner, l.stage) AS of
          FROM scores s JOIN leads l ON l.id = s.lead_id
         WHERE :everybody OR s.owner = ANY(CAST(:owners AS text[]))
         GROUP BY GROUPING SETS ((l.source), (s.owner), (l.stage))
    ), ranked AS (
        SELECT CASE of WHEN 3 THEN 'source' WHEN 5 THEN 'owner' ELSE 'stage' END AS kind,
               coalesce(source, owner, stage) AS word,
               row_number() OVER (PARTITION BY of ORDER BY leads DESC, coalesce(source, owner, stage)) AS place
          FROM counted
         WHERE coalesce(source, owner, stage) IS NOT NULL
    )
    SELECT kind, word FROM ranked WHERE place <= :limit ORDER BY kind, place
""")
