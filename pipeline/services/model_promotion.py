"""A learned model put in charge, or taken out of it: checked, written and audited in the caller's transaction."""

from sqlalchemy.orm import Session

from pipeline.errors import Conflict
from pipeline.scoring.glassbox import open_artefact
from pipeline.storage.models import champions, model_versions
from pipeline.storage.models.champions import ChampionChange
from pipeline.storage.operations import audit
from schemas.model_card import ModelCard, Readiness

DECISIONS = ("promote", "revert")


def promote(db: Session, version: str, *, actor: str, anyway: bool) -> ChampionChange:
    """Changes nothing and raises GiveUp if the model is damaged, Conflict if it is not ready and not wanted anyway."""
    chosen = champions.find(db, version)
    open_artefact(model_versions.load(db, chosen.id).artefact)
    told = ModelCard.model_validate(chosen.card)
    if told.readiness == Readiness.NOT_READY and not anyway:
        raise Conflict(f"{version} is not ready ({'; '.join(told.reasons)}); it can be promoted anyway, if you say so")
    handover = champions.promote(db, version)
    # After a reversal it is said, too, of a version that is in charge: it lets trainings promote again.
    if handover.before != version or is_reverted(db):
        audit.record(db, actor=actor, action="promote", subject=f"model:{version}", detail={"before": handover.before})
    return handover


def is_reverted(db: Session) -> bool:
    """Whether a person took a promotion back, and nobody has promoted since."""
    return audit.last(db, DECISIONS) == "revert"


def revert(db: Session, *, actor: str) -> ChampionChange:
    """Raises GiveUp, so that nothing changes, if what was in charge before is damaged; Conflict if nothing was."""
    handover = champions.revert(db)
    if handover.now is not None:
        open_artefact(model_versions.load(db, champions.find(db, handover.now).id).artefact)
    audit.record(db, actor=actor, action="revert", subject=f"model:{handover.before}", detail={"now": handover.now})
    return handover
