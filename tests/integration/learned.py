"""Leads with outcomes, and trainings done in this process."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.storage import trainings
from pipeline.wiring import Services
from schemas.example import Example
from schemas.lead import Outcome
from schemas.training import Reason, Training, TrainingWishes
from tasks.learning import train_model
from tests.integration.rows import rows, save, told
from workers.training_views import training


def history(own: Services, known: Sequence[Example], prefix: str = "h") -> None:
    """Leads that came with their outcome, each at its time."""
    changes = [
        told(
            own,
            f"{prefix}{one.lead_id}",
            at=one.as_of,
            outcome=Outcome.WON.value if one.won else Outcome.LOST.value,
            **one.attributes,
        )
        for one in known
    ]
    for start in range(0, len(changes), 500):
        save(own, changes[start : start + 500])


def ask(own: Services, reason: Reason = Reason.ASKED, wishes: TrainingWishes | None = None) -> int:
    with own.session() as db:
        asked = trainings.ask(db, reason=reason, actor="test", wishes=wishes or TrainingWishes())
    assert asked is not None
    return asked.id


def done(own: Services, training_id: int) -> Training:
    """After one attempt in this process."""
    train_model(training_id)
    return found(own, training_id)


def found(own: Services, training_id: int) -> Training:
    with own.reading() as db:
        row = trainings.find(db, training_id)
    assert row is not None
    return training(row)


def learned(own: Services) -> Training:
    return done(own, ask(own))


def in_charge(own: Services) -> list[str]:
    return [row["version"] for row in rows(own, "SELECT version FROM model_versions WHERE stage = 'champion'")]
