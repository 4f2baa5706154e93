"""Learned models in the API: which there are, what they say, and how right they were."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.alarm import Alarm
from schemas.frozen import Frozen
from schemas.model_card import Bucket, ModelCard, Readiness
from schemas.score import Engine
from schemas.term_shape import TermShape
from schemas.training import Training


class ModelSummary(Frozen):
    version: str
    stage: Literal["candidate", "champion", "retired"]
    engine: Engine
    readiness: Readiness
    roc_auc: float
    leads: int = Field(description="that it was trained on")
    created_at: datetime
    promoted_at: datetime | None = Field(description="when it was put in charge last, by promotion or reversal")


class ModelList(Frozen):
    """The newest first. `champion` null: the scorecard is in charge. `alarms`: those that are raised."""

    models: tuple[ModelSummary, ...]
    champion: str | None
    alarms: tuple[Alarm, ...]


class Accuracy(Frozen):
    """What became of leads after this model had scored them: the score that stood when the outcome came.

    Not the first one: what became known of a lead on its way has moved it, so this is better than a promise made early.
    """

    leads: int = Field(description="whose outcome came after this model had scored them; the newest 5,000")
    won: int
    since: datetime
    until: datetime
    promised: float = Field(description="mean of the scores that stood when the outcomes came, as a share")
    came: float = Field(description="share that was won")
    roc_auc: float | None = Field(description="of the scores that stood then; null where one outcome is rare")
    calibration_error: float = Field(description="expected, over ten buckets")
    calibration: tuple[Bucket, ...]


class FeatureDrift(Frozen):
    attribute: str
    index: float = Field(description="population stability index; above 0.25 is another population")


class Drift(Frozen):
    """Recent leads against those that the model learned from; the feature that moved most comes first."""

    leads: int
    since: datetime
    until: datetime
    at: datetime
    features: tuple[FeatureDrift, ...]


class ModelDetail(Frozen):
    """`training` made it; `accuracy` and `drift` are null until enough is known."""

    model: ModelSummary
    card: ModelCard
    shapes: tuple[TermShape, ...] = Field(description="the most important first; none if the model is damaged")
    training: Training | None
    accuracy: Accuracy | None
    drift: Drift | None


class PromotionRequest(Frozen):
    anyway: bool = Field(default=False, description="though its card says that it is not ready")


class Promotion(Frozen):
    """`stale`: leads whose score is of another version than the one in charge now; a rescoring run renews them."""

    champion: str | None = Field(description="null: the scorecard")
    before: str | None
    stale: int
