"""Score -> tier."""

import numpy as np
from numpy.typing import NDArray

from schemas.score import Tier
from schemas.scorecard import TierCuts

FROM_LOWEST = (Tier.D, Tier.C, Tier.B, Tier.A)


def tiers(scores: NDArray[np.float64], cuts: TierCuts) -> list[Tier]:
    """The tier of the score as people read it, so that 75.0 is never shown with the tier of 74.96."""
    places = np.searchsorted([cuts.C, cuts.B, cuts.A], np.round(scores, 1), side="right")
    return [FROM_LOWEST[place] for place in places]
