"""A model learned from the benchmark's own leads, for what it costs to score with it: the outcomes are made up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

from pipeline.learning import training
from pipeline.learning.training import TrainingConfig
from pipeline.scoring.glassbox import GlassBoxModel
from pipeline.storage.leads import lead_rows
from pipeline.storage.models import champions
from pipeline.wiring import Services
from schemas.example import Example
from schemas.score import Engine

LEARNED_FROM = 4000  # leads: enough for boosting, pairs of features among its terms
NOISE = 15  # points


def learn(services: Services, ids: Sequence[int]) -> str:
    """Stored as a candidate; its version. Won is whom the scorecard likes, more or less."""
    chance, now = Random(6), datetime.now(UTC)
    with services.session() as db:
        waiting = lead_rows.waiting(db, ids[:LEARNED_FROM])
    scored = services.scorer.score(waiting, now)
    middle = sorted(row.score for row in scored)[len(scored) // 2]
    examples = [
        Example(lead.id, lead.attributes, now, row.score + chance.gauss(0, NOISE) > middle)
        for lead, row in zip(waiting, scored, strict=True)
    ]
    box = GlassBoxModel(training.fit(examples, TrainingConfig(services.settings.tiers)).model)
    with services.session() as db:
        champions.add(db, box.version, Engine.GLASSBOX, box.artefact(), {})
    return box.version


@contextmanager
def in_charge(services: Services, version: str) -> Iterator[None]:
    with services.session() as db:
        champions.promote(db, version)
    yield
    with services.session() as db:
        champions.revert(db)
