"""Translates a filter of leads into SQL over `scores s` and, if needed, `leads l`."""

from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from schemas.run import AttributeComparison, LeadFilter

SAMPLE_LEADS = 1000  # of which the names of attributes are told


class Selection(NamedTuple):
    """`tables` and `conditions` of a query, with the values that are bound to it (`%(name)s`)."""

    tables: str
    conditions: str
    values: dict[str, Any]


def selection(where: LeadFilter, model_id: int) -> Selection:
    conditions: list[str] = []
    values: dict[str, Any] = {}

    def add(condition: str, **bound: Any) -> None:
        conditions.append(condition)
        values.update(bound)

    if where.tiers:
        add("s.tier = ANY(%(tiers)s)", tiers=[tier.value for tier in where.tiers])
    if where.owners:
        add("s.owner = ANY(%(owners)s)", owners=list(where.owners))
    if where.changed_before is not None:
        add("s.updated_at < %(changed_before)s", changed_before=where.changed_before)
    if where.changed_since is not None:
        add("s.updated_at >= %(changed_since)s", changed_since=where.changed_since)
    if where.other_model:
        add("s.model_id <> %(model_id)s", model_id=model_id)
    of_scores = len(conditions)
    if where.sources:
        add("l.source = ANY(%(sources)s)", sources=list(where.sources))
    if where.stages:
        add("l.stage = ANY(%(stages)s)", stages=list(where.stages))
    for n, comparison in enumerate(where.where):
        add(_comparison(comparison, n), **{f"attribute{n}": comparison.attribute, f"value{n}": comparison.value})
    tables = "scores s JOIN leads l ON l.id = s.lead_id" if len(conditions) > of_scores else "scores s"
    return Selection(tables, " AND ".join(conditions) or "true", values)


def is_known(db: Session, attribute: str) -> bool:
    """Whether any lead has the attribute."""
    return bool(db.connection().exec_driver_sql(IS_KNOWN, {"name": attribute}).scalar_one())


def known_names(db: Session) -> list[str]:
    """The attributes of the newest leads."""
    return sorted(db.connection().exec_driver_sql(SAMPLE, {"leads": SAMPLE_LEADS}).scalars())


def _comparison(comparison: AttributeComparison, n: int) -> str:
    stored = f"l.attributes ->> %(attribute{n})s"
    if isinstance(comparison.value, str):
        return f"lower({stored}) {comparison.operator} lower(%(value{n})s)"
    # An attribute may be a number in some leads and a text in others; a text that is no number does not match.
    number = f"CASE WHEN {stored} ~ '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$' THEN ({stored})::numeric END"
    return f"{number} {comparison.operator} %(value{n})s"


SAMPLE = """
    SELECT DISTINCT jsonb_object_keys(attributes)
      FROM (SELECT attributes FROM leads ORDER BY id DESC LIMIT %(leads)s) AS newest
"""

IS_KNOWN = "SELECT EXISTS (SELECT FROM leads WHERE attributes ? %(name)s)"
