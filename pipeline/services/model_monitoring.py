"""How the champion fares: whether leads are still those that it learned from, and whether outcomes are as promised."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.monitoring.accuracy import accuracy
from pipeline.monitoring.drift import indices
from pipeline.scoring.encoding import days
from pipeline.scoring.features import FeatureSet
from pipeline.scoring.glassbox import open_artefact
from pipeline.services import request_training
from pipeline.storage.models import champions, model_versions, outcomes, training_examples
from pipeline.storage.models.champions import ModelStanding
from pipeline.storage.models.outcomes import JudgedOutcome
from pipeline.storage.models.training_examples import Recent
from pipeline.storage.operations import alarms
from pipeline.wiring import Services
from schemas.alarm import AlarmName
from schemas.baseline import Baseline
from schemas.model import Accuracy, Drift, FeatureDrift
from schemas.model_card import ModelCard
from schemas.training import TrainingReason

SAMPLE = 2000  # leads of late that are looked at
SHOWN = 50  # features of a drift
NAMED = 3  # of them in an alarm
OF_CHAMPION = (AlarmName.DRIFT, AlarmName.ACCURACY)

logger = logging.getLogger(__name__)


def check_champion(services: Services, now: datetime) -> None:
    """Notes drift and accuracy, and rings or clears their alarms; where drift has begun, a training is asked for."""
    with services.reading() as db:
        champion = champions.in_charge(db)
    if champion is None:
        for name in OF_CHAMPION:
            _clear(services, name, "the scorecard is in charge", now)
        return
    with services.reading() as db:
        about_others = [one for one in alarms.raised(db) if one.name in OF_CHAMPION and one.subject != champion.version]
    for alarm in about_others:
        _clear(services, alarm.name, f"{champion.version} is in charge", now)
    check_drift(services, champion, now)
    check_accuracy(services, champion, now)


def check_artefact(services: Services, now: datetime) -> None:
    """Rings while the promoted model, as it is stored now, cannot be used; then an earlier one scores."""
    with services.reading() as db:
        champion = champions.in_charge(db)
        artefact = None if champion is None else model_versions.load(db, champion.id).artefact
    if champion is None or artefact is None:
        _clear(services, AlarmName.MODEL, "the scorecard is in charge", now)
        return
    try:
        open_artefact(artefact)
    except GiveUp:
        instead = services.before(champion.id).scorer.model.version
        detail = f"it is damaged; {instead} scores in its place: promote another version, or train again"
        with services.session() as db:
            alarms.raise_alarm(db, AlarmName.MODEL, subject=champion.version, detail=detail, at=now)
        return
    _clear(services, AlarmName.MODEL, f"{champion.version} is in charge", now)


def check_drift(services: Services, champion: ModelStanding, now: datetime) -> None:
    learning = services.settings.learning
    if champion.baseline is None:
        return
    with services.reading() as db:
        early_over = now - timedelta(seconds=learning.capture_after_s)
        recent = training_examples.recent(db, champion.created_at, early_over, SAMPLE)
    if len(recent) < learning.drift_leads:
        return
    try:
        features = services.scorer_of(champion.id).model.features
    except GiveUp:
        return  # the alarm of the damaged model rings
    drift = drift_of(features, Baseline.model_validate(champion.baseline), recent, now)
    services.metrics.model_drift.set(drift.features[0].index)
    moved = [one for one in drift.features if one.index >= learning.drift]
    with services.session() as db:
        champions.note_drift(db, champion.id, drift.model_dump(mode="json"))
        if not moved:
            alarms.clear_alarm(db, AlarmName.DRIFT, detail="leads are again as those that it learned from", at=now)
        elif alarms.raise_alarm(db, AlarmName.DRIFT, subject=champion.version, detail=_drift_text(moved), at=now):
            request_training.request_training(db, TrainingReason.DRIFT)


def check_accuracy(services: Services, champion: ModelStanding, now: datetime) -> None:
    with services.reading() as db:
        found = accuracy_of(db, champion.id)
    if found is None or found.leads < services.settings.learning.off_leads:
        return
    services.metrics.model_off_by.set(abs(found.promised - found.came))
    if found.roc_auc is not None:
        services.metrics.model_roc_auc.set(found.roc_auc)
    wrong = _failed_promises(found, ModelCard.model_validate(champion.card), services.settings.learning.off_by)
    if not wrong:
        _clear(services, AlarmName.ACCURACY, "outcomes are again as it promises", now)
        return
    with services.session() as db:
        alarms.raise_alarm(db, AlarmName.ACCURACY, subject=champion.version, detail="; ".join(wrong), at=now)


def accuracy_of(db: Session, model_id: int) -> Accuracy | None:
    """Of the newest outcomes of leads that this version had scored; None if there is none."""
    judged = outcomes.judged(db, model_id)
    return _accuracy(judged) if judged else None


def drift_of(features: FeatureSet, baseline: Baseline, recent: Sequence[Recent], now: datetime) -> Drift:
    matrix = features.matrix([features.values(one.attributes, one.as_of) for one in recent])
    clocks = np.array([days(one.as_of) for one in recent], np.float32)
    found = indices(baseline.spreads, features.bins(matrix, clocks))
    received = [one.received_at for one in recent]
    return Drift(
        leads=len(recent),
        since=min(received),
        until=max(received),
        at=now,
        features=tuple(FeatureDrift(attribute=name, index=index) for name, index in found[:SHOWN]),
    )


def _accuracy(judged: Sequence[JudgedOutcome]) -> Accuracy:
    chance = np.array([one.score for one in judged]) / 100
    won = np.array([one.won for one in judged], bool)
    return accuracy(chance, won, judged[-1].at, judged[0].at)


def _failed_promises(found: Accuracy, card: ModelCard, off_by: float) -> list[str]:
    wrong = []
    if abs(found.promised - found.came) > off_by:
        wrong.append(
            f"of {found.leads} leads {found.came:.0%} were won, and {found.promised:.0%} by the scores that stood then"
        )
    if found.roc_auc is not None and found.roc_auc < card.quality.roc_auc_low - off_by:
        wrong.append(f"ROC-AUC {found.roc_auc:.2f} on {found.leads} outcomes, {card.quality.roc_auc:.2f} on its card")
    return wrong


def _drift_text(moved: Sequence[FeatureDrift]) -> str:
    named = ", ".join(f"{one.attribute} ({one.index:.2f})" for one in moved[:NAMED])
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"leads are other than those that it learned from: {named}{more}"


def _clear(services: Services, name: AlarmName, detail: str, now: datetime) -> None:
    with services.session() as db:
        if alarms.clear_alarm(db, name, detail=detail, at=now):
            logger.info("an alarm is over", extra={"alarm": name})
