"""Why the winner of a contest waits for a person: where something tells the outcome, the contest is no proof."""

from pipeline.leads.attributes import canonical
from pipeline.learning.readiness import TOO_GOOD
from schemas.model_card import ModelCard, Readiness
from schemas.training import TrainingOptions


def hold_reason(card: ModelCard, wishes: TrainingOptions, of_champion: TrainingOptions) -> str | None:
    """None: it may be put in charge at once. `of_champion` are the wishes that made the champion."""
    if card.readiness == Readiness.NOT_READY:
        return "its card says that it is not ready"
    if card.quality.roc_auc > TOO_GOOD:
        return f"ROC-AUC {card.quality.roc_auc} is too good to be true; a person decides"
    left_out = {out.attribute for out in card.left_out}
    leaking = [leak.attribute for leak in card.leaks if leak.attribute not in left_out]
    if leaking:
        return f"it learned from {', '.join(leaking)}, which alone tells the outcome; a person decides"
    looser = _names(of_champion.without) - _names(wishes.without) | _names(wishes.trusted) - _names(of_champion.trusted)
    if looser:
        return f"it was allowed {', '.join(sorted(looser))}, which the champion was not; a person decides"
    return None


def _names(attributes: tuple[str, ...]) -> set[str]:
    return {canonical(name) for name in attributes}
