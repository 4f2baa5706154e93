"""The one declaration of the queues. Routing, workers, the compose check and the documents derive from it.

A queue has a module of its name in this folder; its tasks are named `<queue>.<task>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from pipeline.settings.loader import Settings

TRAINING_LIBRARIES = ("interpret", "sklearn")  # of the extra `training`


def can_train() -> bool:
    """Whether the libraries of trainings are installed; looked for, not imported."""
    return all(find_spec(name) for name in TRAINING_LIBRARIES)


def _always(_: Settings) -> bool:
    return True


def _one(_: Settings) -> int:
    return 1


@dataclass(frozen=True)
class QueueDeclaration:
    """`processes`: how many a worker of the queue has. `needed`: whether this installation needs such a worker.

    `grace_s`: seconds that a worker has to end, in which a batch can finish.
    """

    name: str
    about: str
    processes: Callable[[Settings], int] = _one
    needed: Callable[[Settings], bool] = _always
    grace_s: int = 9

    @property
    def module(self) -> str:
        return f"tasks.{self.name}"


QUEUES = (
    QueueDeclaration(
        "scoring", "Leads that have changed.", processes=lambda settings: settings.workers.scoring_processes
    ),
    QueueDeclaration("upkeep", "What is done by the clock: lost messages, schedules, old rows."),
    QueueDeclaration(
        "rescoring", "Slices of rescoring runs.", processes=lambda settings: settings.workers.rescoring_processes
    ),
    QueueDeclaration("learning", "Trainings.", needed=lambda _: can_train()),
    QueueDeclaration("outbound", "Calls to CRMs.", needed=lambda settings: settings.calls_out),
)


def names() -> tuple[str, ...]:
    return tuple(queue.name for queue in QUEUES)


def needed(settings: Settings) -> tuple[QueueDeclaration, ...]:
    """The queues that must have a worker."""
    return tuple(queue for queue in QUEUES if queue.needed(settings))
