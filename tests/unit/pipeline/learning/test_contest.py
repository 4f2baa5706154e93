"""A contest is fought on leads that neither side has learned from, and won by more than chance alone."""

import numpy as np
import pytest

from pipeline.learning.contest import compete
from pipeline.learning.training import TrainingConfig, fit
from schemas.baseline import Baseline
from schemas.example import Example
from schemas.glassbox import GlassBoxArtefact
from schemas.scorecard import TierCuts
from schemas.training import Contest
from tests.unit.pipeline.learning.leads import examples

KNOWN = examples(1800)
NEWER = KNOWN[1200:]
WISHES = TrainingConfig(TierCuts())


def by_lot(known: list[Example]) -> list[Example]:
    chance = np.random.default_rng(7)
    return [one._replace(won=bool(chance.random() < 0.4)) for one in known]


@pytest.fixture(scope="module")
def good() -> GlassBoxArtefact:
    return fit(KNOWN[:900], WISHES).model


@pytest.fixture(scope="module")
def bad() -> GlassBoxArtefact:
    return fit(by_lot(KNOWN[:900]), WISHES).model


def fought(
    champion: GlassBoxArtefact, candidate: GlassBoxArtefact, *, seen: int = 900, newer: list[Example] = NEWER
) -> Contest:
    newest = KNOWN[seen - 1]
    baseline = Baseline(until=newest.as_of, last_lead_id=newest.lead_id, spreads=())
    return compete(champion, "glassbox-old", baseline, candidate, newer)


def test_the_better_one_wins_and_the_worse_one_does_not(good: GlassBoxArtefact, bad: GlassBoxArtefact) -> None:
    won, lost = fought(bad, good), fought(good, bad)
    assert won.promoted
    assert won.gain_low is not None
    assert won.gain_low > 0
    assert (won.loss, won.loss_of_champion) == (lost.loss_of_champion, lost.loss)
    assert not lost.promoted
    assert lost.reason == "glassbox-old is better"
    assert won.leads == lost.leads == len(NEWER)


def test_an_equal_has_not_won(good: GlassBoxArtefact) -> None:
    again = fought(good, good)
    assert not again.promoted
    assert again.gain_low == 0


def test_what_the_champion_has_seen_is_left_out_by_time_and_then_by_id(
    good: GlassBoxArtefact, bad: GlassBoxArtefact
) -> None:
    assert fought(bad, good, seen=1500).leads == 300
    together = [one._replace(as_of=NEWER[0].as_of) for one in NEWER]
    newest = together[99]
    baseline = Baseline(until=newest.as_of, last_lead_id=newest.lead_id, spreads=())
    assert compete(bad, "glassbox-old", baseline, good, together).leads == len(NEWER) - 100


def test_too_few_leads_decide_nothing(good: GlassBoxArtefact, bad: GlassBoxArtefact) -> None:
    few = fought(bad, good, seen=1770)
    assert not few.promoted
    assert few.loss is None
    assert "a contest needs 25 of each" in few.reason


def test_leads_that_came_with_their_outcome_count_only_where_the_others_are_too_few(
    good: GlassBoxArtefact, bad: GlassBoxArtefact
) -> None:
    half = [one._replace(imported=n % 2 == 0) for n, one in enumerate(NEWER)]
    assert fought(bad, good, newer=half).leads == len(NEWER) / 2
    most = [one._replace(imported=n > 40) for n, one in enumerate(NEWER)]
    assert fought(bad, good, newer=most).leads == len(NEWER)
