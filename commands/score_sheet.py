"""A lead's score as an operator reads it in a terminal."""

from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.printable import printable_lines
from pipeline.scoring.explain import is_enough
from pipeline.settings.loader import Settings
from pipeline.storage.leads import lead_list
from pipeline.wiring import Services
from schemas.access import Role
from schemas.lead import LeadDetail
from schemas.score import Factor, LeadScore
from workers.api import views
from workers.command_services import command_services

LONGEST_NUMBER = 18  # digits of a bigint
LABEL_LIMIT = 48  # characters


def find(settings: Settings, asked: str) -> LeadDetail:
    """`asked` is the lead's number, or source:id as the vendor knows it. Raises GiveUp if there is no such score."""
    with command_services(settings) as services:
        with services.session() as db:
            lead_id = _number(services, db, asked)
            row = lead_list.find(db, lead_id)
        if row is None:
            raise GiveUp(f"lead {asked} has no score; `service6 queues` shows what waits")
        return views.lead_detail(services, row, Role.ADMIN)


def _number(services: Services, db: Session, asked: str) -> int:
    source, colon, external_id = asked.partition(":")
    if not colon:
        if asked.isdecimal() and len(asked) <= LONGEST_NUMBER:
            return int(asked)
        return _of_any_source(db, asked)
    # A vendor's id may be stored as a pseudonym, by the rule for owners.
    lead_id = lead_list.find_id(db, source, services.source_map(source).owner(external_id))
    if lead_id is None:
        raise GiveUp(f"there is no lead {external_id} of {source}")
    return lead_id


def _of_any_source(db: Session, external_id: str) -> int:
    found = lead_list.find_ids(db, external_id, 2)
    if not found:
        raise GiveUp(f"{external_id!r} is no lead; ask for its number, or for SOURCE:ID")
    if len(found) > 1:
        raise GiveUp(f"several sources have a lead {external_id!r}; ask for SOURCE:ID, or for its number")
    return found[0]


def text(lead: LeadDetail) -> str:
    score = lead.score
    where = [f"stage {lead.stage}", f"owner {lead.owner}", f"outcome {lead.outcome}"]
    known = [part for part in where if not part.endswith(" None")]
    head = f"lead {lead.id}  {lead.source}:{lead.external_id}" + (f"  ({', '.join(known)})" if known else "")
    return printable_lines([head, *verdict(score)])


def verdict(score: LeadScore) -> list[str]:
    """Score, reason and the terms of the sum, a line each."""
    sure = "" if is_enough(score.confidence) else ", not enough known"
    return [
        f"score {score.score:.1f}  tier {score.tier}{sure}  confidence {score.confidence:.2f}  ({score.engine})",
        score.explanation,
        "",
        _line(score.base, "every lead starts with"),
        *map(_factor, score.factors),
        _line(score.others, "all else"),
    ]


def _factor(factor: Factor) -> str:
    seen = "" if factor.value is None else f"{factor.attribute} = {factor.value}"
    return _line(factor.points, factor.label, seen)


def _line(points: float, label: str, seen: str = "") -> str:
    return f"{points:+7.1f}  {label[:LABEL_LIMIT]:<{LABEL_LIMIT}}  {seen}".rstrip()
