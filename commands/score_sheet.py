"""A lead's score as an operator reads it in a terminal."""

from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.printable import printable_lines
from pipeline.scoring.explain import is_enough
from pipeline.services.lead_ids import lead_ids
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


def find(settings: Settings, reference: str) -> LeadDetail:
    """`reference` is the lead's number, its id at the vendor, or source:id. Raises GiveUp if there is no such score."""
    with command_services(settings) as services:
        with services.session() as db:
            lead_id = _number(services, db, reference)
            row = lead_list.find(db, lead_id)
        if row is None:
            raise GiveUp(f"lead {reference} has no score; `service6 queues` shows what waits")
        return views.lead_detail(services, row, Role.ADMIN)


def _number(services: Services, db: Session, reference: str) -> int:
    source, colon, external_id = reference.partition(":")
    if not colon:
        if reference.isdecimal() and len(reference) <= LONGEST_NUMBER:
            return int(reference)
        return _of_any_source(db, reference)
    # A vendor's id may be stored as a pseudonym, or in another form.
    stored = source, services.source_map(source).lead(external_id)
    lead_id = lead_list.find_id(db, *lead_ids(services.settings).saved_as(db, [stored]).get(stored, stored))
    if lead_id is None:
        raise GiveUp(f"there is no lead {external_id} of {source}")
    return lead_id


def _of_any_source(db: Session, external_id: str) -> int:
    lead_ids = lead_list.find_ids(db, external_id, 2)
    if not lead_ids:
        raise GiveUp(f"{external_id!r} is no lead; ask for its number, or for SOURCE:ID")
    if len(lead_ids) > 1:
        raise GiveUp(f"several sources have a lead {external_id!r}; ask for SOURCE:ID, or for its number")
    return lead_ids[0]


def text(lead: LeadDetail) -> str:
    score = lead.score
    facts = (("stage", lead.stage), ("owner", lead.owner), ("outcome", lead.outcome))
    known = [f"{name} {value}" for name, value in facts if value is not None]
    head = f"lead {lead.id}  {lead.source}:{lead.external_id}" + (f"  ({', '.join(known)})" if known else "")
    return printable_lines([head, *score_lines(score)])


def score_lines(score: LeadScore) -> list[str]:
    """The score, its explanation and the terms of its sum, one line each."""
    hint = "" if is_enough(score.confidence) else ", not enough known"
    return [
        f"score {score.score:.1f}  tier {score.tier}{hint}  confidence {score.confidence:.2f}  ({score.engine})",
        score.explanation,
        "",
        _line(score.base, "every lead starts with"),
        *map(_factor, score.factors),
        _line(score.others, "all else"),
    ]


def _factor(factor: Factor) -> str:
    value = "" if factor.value is None else f"{factor.attribute} = {factor.value}"
    return _line(factor.points, factor.label, value)


def _line(points: float, label: str, value: str = "") -> str:
    return f"{points:+7.1f}  {label[:LABEL_LIMIT]:<{LABEL_LIMIT}}  {value}".rstrip()
