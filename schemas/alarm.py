"""Alarms: conditions that a person should look at, raised once and cleared when they are over."""

from datetime import datetime
from enum import StrEnum

from schemas.frozen import Frozen


class AlarmName(StrEnum):
    """`model`: the promoted model is damaged. `drift`: leads are other than those it learned from. `accuracy`: outcomes
    are other than it promised."""

    MODEL = "model"
    DRIFT = "drift"
    ACCURACY = "accuracy"


class AlarmState(StrEnum):
    RAISED = "raised"
    CLEARED = "cleared"


class Alarm(Frozen):
    """One of each name; `rev` rises when it is raised and when it is cleared, `at` is when that was."""

    name: AlarmName
    state: AlarmState
    subject: str
    detail: str
    at: datetime
    rev: int
