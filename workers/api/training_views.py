"""Trainings and models as the API tells of them."""

from typing import Any

from pipeline.storage.models.champions import Listed, ModelStanding
from schemas.model import ModelSummary
from schemas.model_card import ModelCard
from schemas.training import Training


def training(row: dict[str, Any]) -> Training:
    return Training.model_validate({**row, "id": str(row["id"])})


def summary(one: Listed) -> ModelSummary:
    return ModelSummary.model_validate(one._asdict())


def summary_of(one: ModelStanding, card: ModelCard) -> ModelSummary:
    return ModelSummary.model_validate(
        {
            "version": one.version,
            "stage": one.stage,
            "engine": one.engine,
            "readiness": card.readiness,
            "roc_auc": card.quality.roc_auc,
            "leads": card.trained_on.leads,
            "created_at": one.created_at,
            "promoted_at": one.promoted_at,
        }
    )
