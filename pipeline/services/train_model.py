"""A training that was asked for, and the contest of its model with the champion."""

import logging
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp, Misconfigured
from pipeline.log import error_text
from pipeline.monitoring.drift import spreads
from pipeline.scoring.encoding import days
from pipeline.scoring.glassbox import GlassBoxModel, open_artefact
from pipeline.services import model_promotion
from pipeline.services.lease_renewal import renewed
from pipeline.services.request_training import ACTOR
from pipeline.storage.models import champions, model_versions, training_examples, trainings
from pipeline.storage.models.trainings import ClaimedTraining
from pipeline.wiring import Services
from schemas.baseline import Baseline
from schemas.example import Split
from schemas.model_card import ModelCard
from schemas.training import Contest, TrainingOptions, TrainingState

logger = logging.getLogger(__name__)


class TrainingOutput(NamedTuple):
    model: GlassBoxModel
    card: ModelCard
    baseline: Baseline
    contest: Contest


class LeaseLost(GiveUp):
    """The lease ran out, and the training is somebody else's: nothing of this one may be kept."""


def train_model(services: Services, training_id: int) -> None:
    """Claims the training and learns its model, unless somebody else has."""
    lease, lease_s = secrets.token_hex(8), services.settings.learning.lease_s

    def until() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=lease_s)

    def renew() -> bool:
        with services.session() as db:
            return trainings.renew(db, training_id, lease, until())

    with services.session() as db:
        claimed = trainings.claim(db, training_id, lease=lease, now=datetime.now(UTC), until=until())
    if claimed is None:
        return
    began, state = time.monotonic(), TrainingState.FAILED
    try:
        with renewed(renew, lease_s):
            state = _attempt(services, claimed, lease)
    except SystemExit:
        # Its worker is told to end: no fault of the training, and no attempt. Another worker may begin at once.
        state = TrainingState.WAITING
        with services.session() as db:
            trainings.refund_attempt(db, training_id, lease, datetime.now(UTC))
        raise
    finally:
        if state is not TrainingState.WAITING:
            services.metrics.trainings.labels(claimed.reason, state).inc()
            services.metrics.training_seconds.observe(time.monotonic() - began)


def _attempt(services: Services, claimed: ClaimedTraining, lease: str) -> TrainingState:
    try:
        made = _make(services, claimed)
        _save(services, claimed, lease, made)
    except LeaseLost:
        logger.warning("a training was overtaken", extra={"training_id": claimed.id})
        return TrainingState.RUNNING
    except Misconfigured as error:
        return _end(services, claimed, lease, TrainingState.FAILED, str(error))
    except GiveUp as error:
        return _end(services, claimed, lease, TrainingState.REFUSED, str(error))
    except Exception as error:
        due = datetime.now(UTC) + timedelta(seconds=services.settings.learning.retry_s)
        with services.session() as db:
            trainings.reschedule(db, claimed.id, lease, error_text(error), due)
        raise GiveUp("the training failed; its row holds the reason") from None
    return TrainingState.DONE


def _end(services: Services, claimed: ClaimedTraining, lease: str, state: TrainingState, error: str) -> TrainingState:
    with services.session() as db:
        trainings.complete(db, claimed.id, lease, state, error=error)
    logger.warning("a training was not done", extra={"training_id": claimed.id, "state": state, "error": error})
    return state


def _both_names(services: Services, names: Sequence[str]) -> tuple[str, ...]:
    """The names as they were given, and the attributes that they stand for."""
    return tuple(dict.fromkeys([*names, *map(services.attribute_names.attribute, names)]))


def _make(services: Services, claimed: ClaimedTraining) -> TrainingOutput:
    training = _trainer()
    learning = services.settings.learning
    with services.session() as db:
        split = training_examples.split(db)
    wishes = training.TrainingConfig(
        services.settings.tiers,
        without=_both_names(services, claimed.wishes.without),
        trusted=_both_names(services, claimed.wishes.trusted),
        segments=learning.segments,
        cores=learning.cores,
    )
    trained = training.train(split, wishes)
    model = GlassBoxModel(trained.model)
    return TrainingOutput(
        model, trained.card, _baseline(model, split), _compete(services, model, trained.card, claimed.wishes, split)
    )


def _trainer() -> Any:
    """Imported when it is needed, and by this worker alone: no other has the libraries."""
    try:
        from pipeline.learning import training
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"{error.name} is not installed where trainings run; there: pip install 'service6[training]'"
        ) from None
    return training


def _baseline(model: GlassBoxModel, split: Split) -> Baseline:
    features = model.features
    matrix = features.matrix([features.values(one.attributes, one.as_of) for one in split.older])
    clocks = np.array([days(one.as_of) for one in split.older], np.float32)
    newest = split.older[-1]
    return Baseline(
        until=newest.as_of,
        last_lead_id=newest.lead_id,
        spreads=spreads(features.features, features.bins(matrix, clocks)),
    )


def _compete(
    services: Services, model: GlassBoxModel, card: ModelCard, wishes: TrainingOptions, split: Split
) -> Contest:
    """`promoted` then says what is to be done."""
    from pipeline.learning.contest import compete
    from pipeline.learning.promotion_hold import hold_reason

    with services.reading() as db:
        champion = champions.in_charge(db)
        artefact = None if champion is None else model_versions.load(db, champion.id).artefact
        made_by = None if champion is None else trainings.training_of(db, champion.version)
    if champion is None or artefact is None:
        return _unfought(None, "no learned model was in charge, and to promote the first is a person's decision")
    if champion.version == model.version:
        return _unfought(champion.version, "it is the champion itself, learned once more")
    if champion.baseline is None:
        return _unfought(champion.version, f"what {champion.version} has learned from is not known any more")
    try:
        tables = open_artefact(artefact).tables
    except GiveUp as error:
        return _unfought(champion.version, str(error))
    found = compete(tables, champion.version, Baseline.model_validate(champion.baseline), model.tables, split.newer)
    if found.promoted and services.settings.learning.promote == "never":
        return _held(found, f"{found.reason}; a person decides")
    asked = TrainingOptions() if made_by is None else TrainingOptions.model_validate(made_by["wishes"])
    told = hold_reason(card, wishes, asked) if found.promoted else None
    return found if told is None else _held(found, told)


def _held(contest: Contest, reason: str) -> Contest:
    """To a person."""
    return contest.model_copy(update={"promoted": False, "reason": reason})


def _unfought(against: str | None, reason: str) -> Contest:
    nothing = {"leads": 0, "won": 0, "loss": None, "loss_of_champion": None, "gain_low": None}
    return Contest.model_validate({"against": against, **nothing, "promoted": False, "reason": reason})


def _save(services: Services, claimed: ClaimedTraining, lease: str, made: TrainingOutput) -> None:
    """Model, promotion and the end of the training, or nothing of them. Raises Overclaimed."""
    model, version = made.model, made.model.version
    with services.session() as db:
        champions.lock_table(db)
        champions.add(
            db,
            version,
            model.engine,
            model.artefact(),
            made.card.model_dump(mode="json"),
            made.baseline.model_dump(mode="json"),
        )
        contest = _final_contest(db, version, made.contest)
        if not trainings.complete(db, claimed.id, lease, TrainingState.DONE, version=version, contest=contest):
            raise LeaseLost("the lease is somebody else's")
    services.metrics.promotions.inc(contest.promoted)
    logger.info("a model was learned", extra={"version": version, "promoted": contest.promoted, "why": contest.reason})


def _final_contest(db: Session, version: str, contest: Contest) -> Contest:
    """In charge may be another one by now than the one it was compared with."""
    if not contest.promoted:
        return contest
    champion = champions.in_charge(db)
    if champion is None or champion.version != contest.against:
        return _held(contest, f"{contest.against} was not in charge any more when the contest was over")
    if model_promotion.is_reverted(db):
        return _held(contest, "a person has reverted a promotion; until a person promotes again, a person decides")
    model_promotion.promote(db, version, actor=ACTOR, anyway=False)
    return contest
