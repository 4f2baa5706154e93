"""Decides whether the winner of a contest waits for a person: with leaks in the data, a contest proves nothing."""

from pipeline.leads.attributes import canonical
from pipeline.learning.readiness import TOO_GOOD
from schemas.model_card import ModelCard, Readiness
from schemas.training import TrainingOptions


def hold_reason(card: ModelCard, wishes: TrainingOptions, of_champion: TrainingOptions) -> str | None:
    """The reason to wait; None if the model may be promoted at once. `of_champion`: the champion's options."""
    if card.readiness == Readiness.NOT_READY:
        return "its card says that it is not ready"
    if card.quality.roc_auc > TOO_GOOD:
        return f"ROC-AUC {card.quality.roc_auc} is too good to be true; a person decides"
    left_out = {out.attribute for out in card.left_out}
    leaking = [leak.attribute for leak in card.leaks if leak.attribute not in left_out]
    if leaking:
        return f"it learned from {', '.join(leaking)}, which reveals the outcome by itself; a person decides"
    looser = _names(of_champion.without) - _names(wishes.without) | _names(wishes.trusted) - _names(of_champion.trusted)
    if looser:
        return f"it was allowed {', '.join(sorted(looser))}, which the champion was not; a person decides"
    return None


def _names(attributes: tuple[str, ...]) -> set[str]:
    return {canonical(name) for name in attributes}
