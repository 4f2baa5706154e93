"""Leads with outcomes, and trainings done in this process."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.storage.models import trainings
from pipeline.wiring import Services
from schemas.example import Example
from schemas.lead import Outcome
from schemas.training import Training, TrainingOptions, TrainingReason
from tasks.learning import train_model
from tests.integration.rows import rows, save, told
from workers.api.training_views import training


def history(services: Services, known: Sequence[Example], prefix: str = "h") -> None:
    """Leads that came with their outcome, each at its time."""
    changes = [
        told(
            services,
            f"{prefix}{one.lead_id}",
            at=one.as_of,
            outcome=Outcome.WON.value if one.won else Outcome.LOST.value,
            **one.attributes,
        )
        for one in known
    ]
    for start in range(0, len(changes), 500):
        save(services, changes[start : start + 500])


def ask(
    services: Services, reason: TrainingReason = TrainingReason.ASKED, wishes: TrainingOptions | None = None
) -> int:
    with services.session() as db:
        asked = trainings.request(db, reason=reason, actor="test", wishes=wishes or TrainingOptions())
    assert asked is not None
    return asked.id


def done(services: Services, training_id: int) -> Training:
    """After one attempt in this process."""
    train_model(training_id)
    return found(services, training_id)


def found(services: Services, training_id: int) -> Training:
    with services.reading() as db:
        row = trainings.find(db, training_id)
    assert row is not None
    return training(row)


def learned(services: Services) -> Training:
    return done(services, ask(services))


def in_charge(services: Services) -> list[str]:
    return [row["version"] for row in rows(services, "SELECT version FROM model_versions WHERE stage = 'champion'")]
