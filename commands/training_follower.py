"""A training as an operator requests and follows it in a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from commands.actor import actor
from pipeline.errors import GiveUp
from pipeline.printable import printable_lines
from pipeline.redis_store import worker_heartbeat
from pipeline.services.request_training import request_as_person
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions, trainings
from pipeline.wiring import Services
from schemas.model_card import ModelCard
from schemas.training import Training, TrainingOptions, TrainingState
from workers.api.training_views import training
from workers.command_services import command_services

QUEUE = "learning"
POLL_S = 0.5
LINE_EVERY_S = 10.0
HEARTBEAT_WITHIN_S = 15.0  # within which a worker that was just started sends its heartbeat
ENDED = (TrainingState.DONE, TrainingState.REFUSED, TrainingState.FAILED)

Say = Callable[[str], None]


def request_training(settings: Settings, options: TrainingOptions) -> int:
    """The id of the training. Raises Conflict if a training with other options waits."""
    with command_services(settings) as services, services.session() as db:
        return request_as_person(db, options, actor=actor())


def follow(settings: Settings, training_id: int, say: Say) -> Training:
    """Wait for the end of a training. Raises GiveUp if it was refused or failed, or if no worker takes it."""
    with command_services(settings) as services:
        began = printed_at = time.monotonic()
        state = None
        while (now := _find(services, training_id)).state not in ENDED:
            waited = time.monotonic() - began
            if now.state != state or time.monotonic() - printed_at >= LINE_EVERY_S:
                state, printed_at = now.state, time.monotonic()
                say(f"training {training_id}: {state}, {waited:.0f} s")
            if state is TrainingState.WAITING and waited > HEARTBEAT_WITHIN_S and not _has_worker(services):
                raise GiveUp(
                    f"training {training_id} waits, and no worker takes it: `service6 up` starts one where "
                    f"'service6[training]' is installed; then `service6 train --follow {training_id}`"
                )
            time.sleep(POLL_S)
    if now.state is not TrainingState.DONE:
        raise GiveUp(now.error or f"training {training_id} has failed")
    return now


def find_card(settings: Settings, version: str) -> ModelCard:
    with command_services(settings) as services, services.reading() as db:
        return ModelCard.model_validate(champions.find(db, version).card)


def list_trainings(settings: Settings, limit: int) -> list[Training]:
    """The newest first."""
    with command_services(settings) as services, services.reading() as db:
        return [training(row) for row in trainings.listed(db, limit)]


def text(rows: list[Training]) -> str:
    if not rows:
        return "no trainings; `service6 train` requests one"
    lines = [f"{'id':<6}{'state':<10}{'reason':<10}{'requested':<18}{'model':<20}result"]
    for row in rows:
        result = row.contest.reason if row.contest else row.error or ""
        requested = f"{row.asked_at:%Y-%m-%d %H:%M}"
        lines.append(f"{row.id:<6}{row.state:<10}{row.reason:<10}{requested:<18}{row.version or '-':<20}{result}")
    return printable_lines(lines)


def contest_result(done: Training) -> str:
    """Whether the model of a training was promoted, and why."""
    if done.contest is None:
        return ""
    word = "promoted" if done.contest.promoted else "not promoted"
    return f"{word}: {done.contest.reason}"


@contextmanager
def detach_on_interrupt(training_id: int, say: Say) -> Iterator[None]:
    """Says on Ctrl-C that the training continues, and how to wait for it."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"training {training_id} goes on; `service6 train --follow {training_id}` waits for it")
        raise


def _find(services: Services, training_id: int) -> Training:
    with services.reading() as db:
        row = trainings.find(db, training_id)
    if row is None:
        raise GiveUp(f"there is no training {training_id}; `service6 models trainings` lists all")
    return training(row)


def _has_worker(services: Services) -> bool:
    try:
        return bool(worker_heartbeat.alive_queues(services.redis, [QUEUE]))
    except redis.RedisError:
        return False
