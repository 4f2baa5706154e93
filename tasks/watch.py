"""How the champion fares: whether leads are still those that it learned from, and whether outcomes are as promised."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from pipeline import retraining
from pipeline.errors import GiveUp
from pipeline.monitoring.accuracy import accuracy
from pipeline.monitoring.drift import indices
from pipeline.scoring.encoding import days
from pipeline.scoring.features import FeatureSet
from pipeline.scoring.glassbox import opened
from pipeline.storage import alarms, champions, examples, models, outcomes
from pipeline.storage.champions import Standing
from pipeline.storage.examples import Recent
from pipeline.storage.outcomes import Judged
from pipeline.wiring import Services
from schemas.alarm import AlarmName
from schemas.baseline import Baseline
from schemas.model import Accuracy, Drift, FeatureDrift
from schemas.model_card import ModelCard
from schemas.training import Reason
from tasks.learning import hint

SAMPLE = 2000  # leads of late that are looked at
SHOWN = 50  # features of a drift
NAMED = 3  # of them in an alarm
OF_CHAMPION = (AlarmName.DRIFT, AlarmName.ACCURACY)

logger = logging.getLogger(__name__)


def look(own: Services, now: datetime) -> None:
    """Notes drift and accuracy, and rings or clears their alarms; where drift has begun, a training is asked for."""
    with own.reading() as db:
        champion = champions.in_charge(db)
    if champion is None:
        for name in OF_CHAMPION:
            _clear(own, name, "the scorecard is in charge", now)
        return
    with own.reading() as db:
        about_others = [
            one for one in alarms.ringing(db) if one.name in OF_CHAMPION and one.subject != champion.version
        ]
    for alarm in about_others:
        _clear(own, alarm.name, f"{champion.version} is in charge", now)
    look_at_drift(own, champion, now)
    look_at_accuracy(own, champion, now)


def look_at_model(own: Services, now: datetime) -> None:
    """Rings while the promoted model, as it is stored now, cannot be used; then an earlier one scores."""
    with own.reading() as db:
        champion = champions.in_charge(db)
        artefact = None if champion is None else models.load(db, champion.id).artefact
    if champion is None or artefact is None:
        _clear(own, AlarmName.MODEL, "the scorecard is in charge", now)
        return
    try:
        opened(artefact)
    except GiveUp:
        instead = own.before(champion.id).scorer.model.version
        detail = f"it is damaged; {instead} scores in its place: promote another version, or train again"
        with own.session() as db:
            alarms.ring(db, AlarmName.MODEL, subject=champion.version, detail=detail, at=now)
        return
    _clear(own, AlarmName.MODEL, f"{champion.version} is in charge", now)


def look_at_drift(own: Services, champion: Standing, now: datetime) -> None:
    learning = own.settings.learning
    if champion.baseline is None:
        return
    with own.reading() as db:
        early_over = now - timedelta(seconds=learning.capture_after_s)
        recent = examples.recent(db, champion.created_at, early_over, SAMPLE)
    if len(recent) < learning.drift_leads:
        return
    try:
        features = own.scorer_of(champion.id).model.features
    except GiveUp:
        return  # the alarm of the damaged model rings
    drift = drift_of(features, Baseline.model_validate(champion.baseline), recent, now)
    own.metrics.model_drift.set(drift.features[0].index)
    moved = [one for one in drift.features if one.index >= learning.drift]
    asked = None
    with own.session() as db:
        champions.note_drift(db, champion.id, drift.model_dump(mode="json"))
        if not moved:
            alarms.clear(db, AlarmName.DRIFT, detail="leads are again as those that it learned from", at=now)
        elif alarms.ring(db, AlarmName.DRIFT, subject=champion.version, detail=_moved(moved), at=now):
            asked = retraining.ask(db, Reason.DRIFT)
    own.stream.hint()
    if asked is not None:
        hint(asked)


def look_at_accuracy(own: Services, champion: Standing, now: datetime) -> None:
    with own.reading() as db:
        found = accuracy_of(db, champion.id)
    if found is None or found.leads < own.settings.learning.off_leads:
        return
    own.metrics.model_off_by.set(abs(found.promised - found.came))
    if found.roc_auc is not None:
        own.metrics.model_roc_auc.set(found.roc_auc)
    wrong = _wrong(found, ModelCard.model_validate(champion.card), own.settings.learning.off_by)
    if not wrong:
        _clear(own, AlarmName.ACCURACY, "outcomes are again as it promises", now)
        return
    with own.session() as db:
        alarms.ring(db, AlarmName.ACCURACY, subject=champion.version, detail="; ".join(wrong), at=now)
    own.stream.hint()


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


def _accuracy(judged: Sequence[Judged]) -> Accuracy:
    chance = np.array([one.score for one in judged]) / 100
    won = np.array([one.won for one in judged], bool)
    return accuracy(chance, won, judged[-1].at, judged[0].at)


def _wrong(found: Accuracy, card: ModelCard, off_by: float) -> list[str]:
    wrong = []
    if abs(found.promised - found.came) > off_by:
        wrong.append(
            f"of {found.leads} leads {found.came:.0%} were won, and {found.promised:.0%} by the scores that stood then"
        )
    if found.roc_auc is not None and found.roc_auc < card.quality.roc_auc_low - off_by:
        wrong.append(f"ROC-AUC {found.roc_auc:.2f} on {found.leads} outcomes, {card.quality.roc_auc:.2f} on its card")
    return wrong


def _moved(moved: Sequence[FeatureDrift]) -> str:
    named = ", ".join(f"{one.attribute} ({one.index:.2f})" for one in moved[:NAMED])
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"leads are other than those that it learned from: {named}{more}"


def _clear(own: Services, name: AlarmName, detail: str, now: datetime) -> None:
    with own.session() as db:
        if alarms.clear(db, name, detail=detail, at=now):
            logger.info("an alarm is over", extra={"alarm": name})
