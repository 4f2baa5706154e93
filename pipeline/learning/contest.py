"""Compares a candidate with the champion on leads from which neither has learned."""

from collections.abc import Sequence

import numpy as np

from pipeline.learning.additive import Floats
from pipeline.learning.training import chances, outcomes
from schemas.baseline import Baseline
from schemas.example import Example
from schemas.glassbox import GlassBoxArtefact
from schemas.training import Contest

FEWEST = 25  # of either outcome; fewer say nothing of two models that are nearly as good
RESAMPLES = 500
LOW = 0.05
SURE = 0.001  # no score counts as surer than this: one lead must not decide a contest
DECIMALS = 5


def compete(
    champion: GlassBoxArtefact,
    version: str,
    seen: Baseline,
    candidate: GlassBoxArtefact,
    newer: Sequence[Example],
    seed: int = 0,
) -> Contest:
    """The result of the contest on the `newer` leads that the champion had not `seen`.

    The smaller log loss wins: it rewards the right order and honest percentages alike.
    """
    fresh = _watched([lead for lead in newer if (lead.as_of, lead.lead_id) > (seen.until, seen.last_lead_id)])
    won = outcomes(fresh)
    wins = int(won.sum())
    if _rarer(fresh) < FEWEST:
        reason = f"of the leads that both have never seen {wins} were won and {len(fresh) - wins} lost"
        return _contest(version, len(fresh), wins, f"{reason}; a contest needs {FEWEST} of each")
    old, new = (_losses(chances(model, fresh), won) for model in (champion, candidate))
    low = float(np.quantile(_means(old - new, seed), LOW))
    figures = (round(float(new.mean()), DECIMALS), round(float(old.mean()), DECIMALS), round(low, DECIMALS))
    if low > 0:
        return _contest(version, len(fresh), wins, f"it is better than {version} by more than chance", figures)
    reason = (
        f"it is not better than {version} by more than chance" if new.mean() < old.mean() else f"{version} is better"
    )
    return _contest(version, len(fresh), wins, reason, figures)


def _watched(fresh: list[Example]) -> list[Example]:
    """The leads known before their outcome, if they suffice: the others may hold values that reveal it."""
    watched = [lead for lead in fresh if not lead.imported]
    return watched if _rarer(watched) >= FEWEST else fresh


def _rarer(leads: Sequence[Example]) -> int:
    wins = sum(lead.won for lead in leads)
    return min(wins, len(leads) - wins)


def _contest(
    against: str, leads: int, won: int, reason: str, figures: tuple[float, float, float] | None = None
) -> Contest:
    new, old, low = figures or (None, None, None)
    better = low is not None and low > 0
    return Contest(
        against=against,
        leads=leads,
        won=won,
        loss=new,
        loss_of_champion=old,
        gain_low=low,
        promoted=better,
        reason=reason,
    )


def _losses(chance: Floats, won: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    sure = np.clip(chance, SURE, 1 - SURE)
    return np.where(won, -np.log(sure), -np.log1p(-sure))


def _means(gains: Floats, seed: int) -> list[float]:
    drawing = np.random.default_rng(seed)
    return [float(gains[drawing.integers(0, len(gains), len(gains))].mean()) for _ in range(RESAMPLES)]
