"""Model versions as an operator compares and promotes them in a terminal."""

from collections.abc import Sequence

from pipeline.errors import GiveUp
from pipeline.scoring.glassbox import opened
from pipeline.settings import Settings
from pipeline.storage import audit, champions, models
from pipeline.storage.champions import Standing
from schemas.model_card import ModelCard, Readiness
from workers.desk.actor import actor
from workers.desk.errand import errand

SHOWN = 10  # terms and reasons of a card


def look(settings: Settings) -> list[Standing]:
    with errand(settings) as own, own.reading() as db:
        return champions.listed(db)


def card(settings: Settings, version: str) -> ModelCard:
    with errand(settings) as own, own.reading() as db:
        return ModelCard.model_validate(champions.find(db, version).card)


def promote(settings: Settings, version: str, *, anyway: bool) -> str:
    """Raises GiveUp, and changes nothing, if the model is damaged, or not ready and not wanted anyway."""
    with errand(settings) as own, own.session() as db:
        chosen = champions.find(db, version)
        opened(models.load(db, chosen.id).artefact)
        told = ModelCard.model_validate(chosen.card)
        if told.readiness == Readiness.NOT_READY and not anyway:
            raise GiveUp(f"{version} is not ready ({'; '.join(told.reasons)}); --anyway promotes it all the same")
        before = champions.promote(db, version)
        if before == version:
            return f"{version} is in charge already"
        audit.record(db, actor=actor(), action="promote", subject=f"model:{version}", detail={"before": before})
    return f"{version} is in charge, instead of {before or 'the scorecard'}"


def revert(settings: Settings) -> str:
    with errand(settings) as own, own.session() as db:
        before, now = champions.revert(db)
        audit.record(db, actor=actor(), action="revert", subject=f"model:{before}", detail={"now": now})
    return f"{now or 'the scorecard'} is in charge, instead of {before}"


def text(found: Sequence[Standing]) -> str:
    if not found:
        return "no learned models; the scorecard is in charge (`service6 train` learns one)"
    lines = [f"{'version':<20}{'stage':<11}{'state':<11}{'ROC-AUC':>8}{'leads':>10}  trained"]
    for one in found:
        told = ModelCard.model_validate(one.card)
        leads = told.trained_on.leads
        lines.append(
            f"{one.version:<20}{one.stage:<11}{told.readiness:<11}{told.quality.roc_auc:>8.3f}{leads:>10,}"
            f"  {one.created_at:%Y-%m-%d %H:%M}"
        )
    return "\n".join(lines)


def card_text(version: str, told: ModelCard) -> str:
    quality = told.quality
    lines = [
        f"{version}: {told.readiness}, by {told.method}",
        f"trained on {told.trained_on.leads:,} leads ({told.trained_on.won:,} won), tested on the newest "
        f"{told.tested_on.leads:,} ({told.tested_on.won:,} won)",
        f"ROC-AUC {quality.roc_auc:.3f} (at least {quality.roc_auc_low:.3f}), calibration error "
        f"{quality.calibration_error:.3f}, best tenth {quality.lift_at_tenth:.2f} × the base rate {told.base_rate:.3f}",
        *(f"  note: {reason}" for reason in told.reasons[:SHOWN]),
        "what counts: " + ", ".join(term.attribute for term in told.importances[:SHOWN]),
    ]
    lines += [f"  left out: {out.attribute}, {out.reason}" for out in told.left_out]
    return "\n".join(lines)
