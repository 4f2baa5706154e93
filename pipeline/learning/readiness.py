"""Whether a model is fit to be put in charge, and why not."""

from collections.abc import Sequence

from schemas.model_card import Leak, Quality, Readiness, Window

CHANCE = 0.55  # ROC-AUC below which a model knows nothing
FAIR = 0.70
CROOKED = 0.05  # calibration error
FEW_TESTED = 25  # of either outcome
TOO_GOOD = 0.95  # ROC-AUC above which something must tell the outcome


def assess_readiness(quality: Quality, tested: Window, leaks: Sequence[Leak]) -> tuple[Readiness, tuple[str, ...]]:
    """The readiness and its reasons, worst first; a ready model may have some, too."""
    fatal, doubts, notes = [], [], []
    if quality.roc_auc_low < CHANCE:
        fatal.append(f"ROC-AUC {quality.roc_auc} (at least {quality.roc_auc_low}): it may be chance")
    fewest = min(tested.won, tested.leads - tested.won)
    if fewest < FEW_TESTED:
        doubts.append(
            f"tested on {tested.won} won and {tested.leads - tested.won} lost leads; {FEW_TESTED} of each say more"
        )
    if quality.roc_auc < FAIR:
        doubts.append(f"ROC-AUC {quality.roc_auc} is below {FAIR}")
    if quality.calibration_error > CROOKED:
        doubts.append(f"scores are off by {100 * quality.calibration_error:.0f} points on average")
    if quality.roc_auc > TOO_GOOD:
        doubts.append(f"ROC-AUC {quality.roc_auc} is too good to be true: an attribute may tell the outcome")
    if tested.imported:
        notes.append(
            f"{tested.imported:,} of the {tested.leads:,} leads of the time of the test came with their outcome: "
            f"what is known of them may be younger than that"
        )
    notes += [f"{leak.attribute} by itself has ROC-AUC {leak.roc_auc}: it reveals the outcome" for leak in leaks]
    readiness = Readiness.NOT_READY if fatal else Readiness.FAIR if doubts else Readiness.READY
    return readiness, (*fatal, *doubts, *notes)
