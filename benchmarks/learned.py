"""A model learned from the benchmark's own leads, for what it costs to score with it: the outcomes are made up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

from pipeline.learning import training
from pipeline.learning.training import Wishes
from pipeline.scoring.glassbox import GlassBox
from pipeline.storage import champions, leads
from pipeline.wiring import Services
from schemas.example import Example
from schemas.score import Engine

LEARNED_FROM = 4000  # leads: enough for boosting, pairs of features among its terms
NOISE = 15  # points


def learn(own: Services, ids: Sequence[int]) -> str:
    """Stored as a candidate; its version. Won is whom the scorecard likes, more or less."""
    chance, now = Random(6), datetime.now(UTC)
    with own.session() as db:
        waiting = leads.waiting(db, ids[:LEARNED_FROM])
    scored = own.scorer.score(waiting, now)
    middle = sorted(row.score for row in scored)[len(scored) // 2]
    examples = [
        Example(lead.id, lead.attributes, now, row.score + chance.gauss(0, NOISE) > middle)
        for lead, row in zip(waiting, scored, strict=True)
    ]
    box = GlassBox(training.fit(examples, Wishes(own.settings.tiers)).model)
    with own.session() as db:
        champions.add(db, box.version, Engine.GLASSBOX, box.artefact(), {})
    return box.version


@contextmanager
def in_charge(own: Services, version: str) -> Iterator[None]:
    with own.session() as db:
        champions.promote(db, version)
    yield
    with own.session() as db:
        champions.revert(db)
