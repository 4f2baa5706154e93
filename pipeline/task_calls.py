"""Calls of Celery tasks as values, so that a use case can ask for one without knowing Celery.

A task's name is `<queue>.<task>`; `tasks/` has one function of each name. A call is only a hint that there is work: the
work is a row, and upkeep enqueues it again if the message is lost.
"""

from collections.abc import Sequence
from typing import NamedTuple

SCORE_LEADS = "scoring.score_leads"
RESCORE = "rescoring.rescore"
TRAIN_MODEL = "learning.train_model"
WRITE_BACK = "outbound.write_back"
FETCH_BACK = "outbound.fetch_back"

# The header of a message that says when it was enqueued, in seconds since 1970.
ENQUEUED_AT = "enqueued_at"


class TaskCall(NamedTuple):
    """`shown`: the arguments as logs and Flower show them."""

    task: str
    arguments: tuple[object, ...]
    shown: str


def score_leads(lead_ids: Sequence[int]) -> TaskCall:
    return TaskCall(SCORE_LEADS, (list(lead_ids),), f"({len(lead_ids)} leads)")


def score_batches(lead_ids: Sequence[int], size: int) -> list[TaskCall]:
    """Calls of at most `size` leads each, so that several workers can share them."""
    return [score_leads(lead_ids[start : start + size]) for start in range(0, len(lead_ids), size)]


def rescore(run_id: int) -> TaskCall:
    return TaskCall(RESCORE, (run_id,), f"(run {run_id})")


def train_model(training_id: int) -> TaskCall:
    return TaskCall(TRAIN_MODEL, (training_id,), f"(training {training_id})")


def write_back(source: str, target: str) -> TaskCall:
    return TaskCall(WRITE_BACK, (source, target), f"({source}, {target})")


def fetch_back(source: str) -> TaskCall:
    return TaskCall(FETCH_BACK, (source,), f"({source})")
