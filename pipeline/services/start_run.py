"""A rescoring run is begun: asked for, due by schedule, or to sweep up."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.errors import Conflict, GiveUp, Malformed
from pipeline.leads.attribute_names import AttributeNames, FieldPlan
from pipeline.leads.values.reader import read
from pipeline.services.rescorer import preview as rescored_preview
from pipeline.settings.sections import ScheduleSettings
from pipeline.storage.models import champions
from pipeline.storage.operations import schedules
from pipeline.storage.runs import lead_selection, rescore_runs
from pipeline.wiring import Services
from schemas.model_card import ModelCard, Readiness
from schemas.run import AttributeComparison, LeadFilter, Preview, Run, RunRequest, RunState

logger = logging.getLogger(__name__)

NAMES_TOLD = 20
# A worker notices within seconds, or was at work on a bundle: that ends within Celery's limit for a task.
SWEEPS = (timedelta(seconds=15), timedelta(seconds=120))
SWEPT_WITHIN = timedelta(hours=6)
MARGIN = timedelta(seconds=60)
SCHEDULER = "schedule"
EQUALITY = ("=", "!=")
DATE = re.compile(r"\d{4}-\d{2}")  # ISO 8601 is in order as a text


class UnknownAttribute(Malformed):
    """No lead has the attribute that a filter names."""


class OverlappingRun(Conflict):
    """Another run is at work on the same leads."""


def open_run(services: Services, db: Session, asked: RunRequest, *, actor: str, reason: str) -> Run:
    """In a transaction of the caller's; tell the workers when it is committed.

    Raises UnknownAttribute, OverlappingRun, or GiveUp where there is no such model or it is not ready.
    """
    where = resolve_attributes(db, asked.filter, services.attribute_names)
    model_id = choose_model(services, db, asked.model_version, force=asked.force)
    rescore_runs.lock_table(db)
    _require_no_overlap(db, where)
    run = rescore_runs.open_run(
        db,
        where,
        model_id=model_id,
        as_of=datetime.now(UTC),
        rate=asked.rate,
        leads=rescore_runs.count(db, where, model_id),
        slice_ids=services.settings.rescoring.slice_ids,
        reason=reason,
        actor=actor,
    )
    rescore_runs.announce(db, run)
    return run


def retry(db: Session, run_id: int) -> Run | None:
    """A failed run goes on with all attempts; None if it has not failed. Raises OverlappingRun."""
    rescore_runs.lock_table(db)
    failed = rescore_runs.find(db, run_id)
    if failed is None or failed.state != RunState.FAILED:
        return None
    _require_no_overlap(db, failed.filter)
    return rescore_runs.retry(db, run_id)


def _require_no_overlap(db: Session, where: LeadFilter) -> None:
    for other in rescore_runs.active(db):
        if where.may_share_leads_with(other.filter):
            raise OverlappingRun(
                f"run {other.id} is {other.state} and may change the same leads; "
                f"follow it with `service6 runs show {other.id}`, or end it with `service6 runs cancel {other.id}`"
            )


def open_scheduled(services: Services, name: str, schedule: ScheduleSettings, now: datetime) -> None:
    """Begins the newest occurrence, unless somebody has, or it was missed by too much, or its leads are at work."""
    due = newest_occurrence(schedule, now)
    if now - due > timedelta(hours=services.settings.rescoring.late_h):
        return
    with services.session() as db:
        if not schedules.occur(db, name, due):
            return
        asked = RunRequest(filter=schedule.filter, rate=schedule.rate)
        try:
            run = open_run(services, db, asked, actor=f"{SCHEDULER}:{name}", reason=SCHEDULER)
        except GiveUp as error:
            logger.warning("the scheduled run %s is left out: %s", name, error)
            return
        schedules.remember_run(db, name, due, int(run.id))


def preview(services: Services, asked: RunRequest, step: Callable[[int], None]) -> Preview:
    """What that run would change; `step` is told how many more leads were looked at. Raises as `open_run`."""
    with services.reading() as db:
        where = resolve_attributes(db, asked.filter, services.attribute_names)
        model_id = choose_model(services, db, asked.model_version, force=asked.force)
    width = services.settings.rescoring.step_ids
    return rescored_preview(services, where, model_id=model_id, as_of=datetime.now(UTC), width=width, step=step)


def open_sweep(services: Services, now: datetime) -> None:
    """Scores that a worker saved by the model before, because it had not noticed a promotion yet, are scored anew.

    Where another run is at work it is tried again the next time.
    """
    with services.reading() as db:
        champion = next((one for one in champions.listed(db) if one.stage == "champion"), None)
    if champion is None or champion.promoted_at is None:
        return
    where = LeadFilter(other_model=True, changed_since=champion.promoted_at - MARGIN)
    asked = RunRequest(filter=where, model_version=champion.version, force=True)
    name = f"sweep:{champion.version}"
    for due in (champion.promoted_at + after for after in SWEEPS):
        if not due <= now < due + SWEPT_WITHIN:
            continue
        try:
            with services.session() as db:
                if schedules.occur(db, name, due):
                    run = open_run(services, db, asked, actor="upkeep", reason="sweep")
                    schedules.remember_run(db, name, due, int(run.id))
        except GiveUp as error:
            logger.info("a sweep is put off: %s", error)
            return


def newest_occurrence(schedule: ScheduleSettings, now: datetime) -> datetime:
    today = datetime.combine(now.date(), schedule.at, UTC)
    return today if today <= now else today - timedelta(days=1)


def resolve_attributes(db: Session, where: LeadFilter, names: AttributeNames) -> LeadFilter:
    """With attributes and values as they are stored.

    Raises UnknownAttribute, or Malformed where order is asked of a word.
    """
    for n, one in enumerate(where.where):
        if isinstance(one.value, str) and one.operator not in EQUALITY and not DATE.match(one.value):
            told = f"{one.operator} is for numbers and dates (2026-11-22), and {one.value!r} is neither"
            raise Malformed(told, pointer=f"/filter/where/{n}/value")
    plans = [names.plan(one.attribute) for one in where.where]
    for n, plan in enumerate(plans):
        if not lead_selection.is_known(db, plan.name):
            known = ", ".join(lead_selection.known_names(db)[:NAMES_TOLD]) or "none yet"
            told = f"no lead has an attribute {where.where[n].attribute!r}; there are: {known}"
            raise UnknownAttribute(told, pointer=f"/filter/where/{n}/attribute")
    return where.model_copy(update={"where": tuple(map(_as_stored, where.where, plans))})


def _as_stored(one: AttributeComparison, plan: FieldPlan) -> AttributeComparison:
    value = read(one.value, plan.kind, means=plan.means).value if isinstance(one.value, str) else one.value
    if isinstance(value, bool):
        value = str(value).lower()
    return one.model_copy(update={"attribute": plan.name, "value": one.value if value is None else value})


def choose_model(services: Services, db: Session, version: str | None, *, force: bool) -> int:
    """Raises GiveUp if there is no such model, it is damaged, or its card says that it is not ready."""
    if version is None or version == services.champion.scorer.model.version:
        return services.champion.model_id
    model = champions.find(db, version)
    services.scorer_of(model.id)  # that it opens
    card = ModelCard.model_validate(model.card)
    if card.readiness == Readiness.NOT_READY and not force:
        raise GiveUp(f"{version} is not ready ({'; '.join(card.reasons)}); --force rescores with it all the same")
    return model.id
