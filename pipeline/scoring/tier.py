"""Maps scores to tiers."""

import numpy as np
from numpy.typing import NDArray

from schemas.score import Tier
from schemas.scorecard import TierCuts

FROM_LOWEST = (Tier.D, Tier.C, Tier.B, Tier.A)


def tiers(scores: NDArray[np.float64], cuts: TierCuts) -> list[Tier]:
    return [FROM_LOWEST[place] for place in tier_places(scores, cuts)]


def tier_places(scores: NDArray[np.float64], cuts: TierCuts) -> NDArray[np.intp]:
    """Places in `FROM_LOWEST`, by the score as people read it, so that 75.0 never has the tier of 74.96."""
    return np.searchsorted([cuts.C, cuts.B, cuts.A], np.round(scores, 1), side="right")
