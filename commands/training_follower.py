"""A training as an operator asks for it in a terminal, and follows it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from commands.actor import actor
from pipeline.errors import GiveUp
from pipeline.printable import printable_lines
from pipeline.redis_store import worker_heartbeat
from pipeline.services.request_training import request_as_person as request_training_as
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions, trainings
from pipeline.wiring import Services
from schemas.model_card import ModelCard
from schemas.training import Training, TrainingOptions, TrainingState
from workers.api.training_views import training
from workers.command_services import command_services

QUEUE = "learning"
LOOK_S = 0.5
LINE_EVERY_S = 10.0
SEEN_WITHIN_S = 15.0  # a worker that has just been started shows itself
ENDED = (TrainingState.DONE, TrainingState.REFUSED, TrainingState.FAILED)

Say = Callable[[str], None]


def request_training(settings: Settings, wishes: TrainingOptions) -> int:
    """Its number. Raises Conflict if another person's training waits with other wishes."""
    with command_services(settings) as services, services.session() as db:
        return request_training_as(db, wishes, actor=actor())


def follow(settings: Settings, training_id: int, say: Say) -> Training:
    """Waits for its end. Raises GiveUp if it was refused or failed, or if nobody is there to do it."""
    with command_services(settings) as services:
        began = told_at = time.monotonic()
        state = None
        while (now := _look(services, training_id)).state not in ENDED:
            waited = time.monotonic() - began
            if now.state != state or time.monotonic() - told_at >= LINE_EVERY_S:
                state, told_at = now.state, time.monotonic()
                say(f"training {training_id}: {state}, {waited:.0f} s")
            if state is TrainingState.WAITING and waited > SEEN_WITHIN_S and not _is_seen(services):
                raise GiveUp(
                    f"training {training_id} waits, and no worker takes it: `service6 up` starts one where "
                    f"'service6[training]' is installed; then `service6 train --follow {training_id}`"
                )
            time.sleep(LOOK_S)
    if now.state is not TrainingState.DONE:
        raise GiveUp(now.error or f"training {training_id} has failed")
    return now


def card(settings: Settings, version: str) -> ModelCard:
    with command_services(settings) as services, services.reading() as db:
        return ModelCard.model_validate(champions.find(db, version).card)


def list_trainings(settings: Settings, limit: int) -> list[Training]:
    """The newest first."""
    with command_services(settings) as services, services.reading() as db:
        return [training(row) for row in trainings.listed(db, limit)]


def text(found: list[Training]) -> str:
    if not found:
        return "no trainings; `service6 train` asks for one"
    lines = [f"{'id':<6}{'state':<10}{'why':<10}{'asked':<18}{'model':<20}what came of it"]
    for one in found:
        came = one.contest.reason if one.contest else one.error or ""
        asked = f"{one.asked_at:%Y-%m-%d %H:%M}"
        lines.append(f"{one.id:<6}{one.state:<10}{one.reason:<10}{asked:<18}{one.version or '-':<20}{came}")
    return printable_lines(lines)


def contest_result(done: Training) -> str:
    """What was decided about the model that it made."""
    if done.contest is None:
        return ""
    word = "promoted" if done.contest.promoted else "not promoted"
    return f"{word}: {done.contest.reason}"


@contextmanager
def detach_on_interrupt(training_id: int, say: Say) -> Iterator[None]:
    """Ctrl-C ends the waiting, not the training."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"training {training_id} goes on; `service6 train --follow {training_id}` waits for it")
        raise


def _look(services: Services, training_id: int) -> Training:
    with services.reading() as db:
        row = trainings.find(db, training_id)
    if row is None:
        raise GiveUp(f"there is no training {training_id}; `service6 models trainings` shows which there are")
    return training(row)


def _is_seen(services: Services) -> bool:
    try:
        return bool(worker_heartbeat.alive_queues(services.redis, [QUEUE]))
    except redis.RedisError:
        return False
