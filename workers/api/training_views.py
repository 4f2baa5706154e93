"""Trainings and models as the API returns them."""

from typing import Any

from pipeline.storage.models.champions import Listed, ModelStanding
from schemas.model import ModelSummary
from schemas.model_card import ModelCard
from schemas.training import Training


def training(row: dict[str, Any]) -> Training:
    return Training.model_validate({**row, "id": str(row["id"])})


def summary(model: Listed) -> ModelSummary:
    return ModelSummary.model_validate(model._asdict())


def summary_of(model: ModelStanding, card: ModelCard) -> ModelSummary:
    return ModelSummary.model_validate(
        {
            "version": model.version,
            "stage": model.stage,
            "engine": model.engine,
            "readiness": card.readiness,
            "roc_auc": card.quality.roc_auc,
            "leads": card.trained_on.leads,
            "created_at": model.created_at,
            "promoted_at": model.promoted_at,
        }
    )
