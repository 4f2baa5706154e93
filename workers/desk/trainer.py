"""A training as an operator starts it in a terminal."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.errors import Misconfigured
from pipeline.scoring.glassbox import GlassBox
from pipeline.settings import Settings
from pipeline.storage import champions, examples
from schemas.model_card import ModelCard
from workers.desk.errand import errand


class Candidate(NamedTuple):
    version: str
    card: ModelCard


def train(settings: Settings, *, without: Sequence[str], trusted: Sequence[str], cores: int) -> Candidate:
    """Learns from the leads whose outcome is known, and stores the model as a candidate."""
    try:
        from pipeline.learning import training
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"{error.name} is not installed; training needs: pip install 'service6[training]'"
        ) from None
    with errand(settings) as own:
        with own.session() as db:
            known = examples.split(db)
        wishes = training.Wishes(
            settings.tiers, without=without, trusted=trusted, segments=settings.learning.segments, cores=cores
        )
        trained = training.train(known, wishes)
        model = GlassBox(trained.model)
        with own.session() as db:
            champions.add(db, model.version, model.engine, model.artefact(), trained.card.model_dump(mode="json"))
    return Candidate(model.version, trained.card)
