"""Outcomes ask for a training, once, whatever is killed between any two steps; PostgreSQL counts, the stream hints."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from sqlalchemy import text

from pipeline import task_calls
from pipeline.redis_store.outcome_stream import GROUP, KEY
from pipeline.services import request_training
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions, trainings
from pipeline.wiring import Services
from schemas.training import TrainingOptions, TrainingReason, TrainingState
from tasks.app import deliver
from tasks.learning import train_model
from tasks.upkeep import keep_trainings, watch_champion
from tests.integration.learned import ask, found, history, learned
from tests.integration.rows import blocked, execute, leads_saved, rows, save, told, value, waiting_for_locks
from tests.support.gate import Gate, gate
from tests.support.serving import in_this_process, open_services, worker
from tests.support.waiting import eventually
from tests.unit.pipeline.learning.leads import examples

ENOUGH = 3
TRAININGS = "SELECT id, state, reason, actor FROM trainings ORDER BY id"


@pytest.fixture
def soon(celery: Services) -> Services:
    """A training is asked for after three outcomes."""
    learning = celery.settings.learning.model_copy(update={"outcomes": ENOUGH})
    celery.settings = celery.settings.model_copy(update={"learning": learning})
    return celery


def decide(services: Services, number: int, outcome: str = "won", **more: str) -> None:
    save(services, [told(services, f"L{n}", outcome=outcome, **more) for n in range(number)])


def publish(services: Services) -> None:
    """As the publisher does, for outcomes alone."""
    services.outcomes.append([row["key"] for row in rows(services, "SELECT key FROM outbox WHERE kind = 'outcome'")])


def unacknowledged(services: Services) -> int:
    """Entries that were read; none as long as nobody reads."""
    try:
        pending: Any = services.redis.xpending(KEY, GROUP)
    except redis.ResponseError:
        return 0
    return int(pending["pending"])


def test_an_outcome_is_noted_with_its_change_once_and_again_only_if_it_differs(services: Services) -> None:
    leads_saved(services, 2)
    decide(services, 2)
    decide(services, 2)
    assert value(services, "SELECT count(*) FROM outcomes") == 2
    assert value(services, "SELECT count(*) FROM outbox WHERE kind = 'outcome'") == 2
    decide(services, 1, outcome="lost")
    assert [row["outcome"] for row in rows(services, "SELECT outcome FROM outcomes ORDER BY lead_id")] == [
        "lost",
        "won",
    ]
    assert value(services, "SELECT count(*) FROM outbox WHERE kind = 'outcome'") == 3


def test_an_outcome_that_is_taken_back_is_none(services: Services) -> None:
    leads_saved(services, 2)
    decide(services, 2)
    decide(services, 1, outcome="open")
    assert value(services, "SELECT count(*) FROM outcomes") == 1


def test_enough_outcomes_ask_for_a_training_and_no_more_than_one(soon: Services) -> None:
    leads_saved(soon, ENOUGH)
    decide(soon, ENOUGH - 1)
    publish(soon)
    keep_trainings()
    assert rows(soon, TRAININGS) == []
    decide(soon, ENOUGH)
    publish(soon)
    keep_trainings()
    [asked] = rows(soon, TRAININGS)
    assert (asked["state"], asked["reason"], asked["actor"]) == ("waiting", "outcomes", "service6")
    assert soon.redis.llen("learning") == 1
    publish(soon)
    keep_trainings()
    assert len(rows(soon, TRAININGS)) == 1
    assert unacknowledged(soon) == 0


def test_outcomes_of_which_the_stream_was_lost_are_counted_all_the_same(soon: Services) -> None:
    leads_saved(soon, ENOUGH)
    decide(soon, ENOUGH)
    publish(soon)
    soon.redis.delete(KEY)
    keep_trainings()
    assert rows(soon, TRAININGS) == []
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 1
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 1


def test_outcomes_that_a_training_has_read_ask_for_no_other(soon: Services) -> None:
    leads_saved(soon, ENOUGH)
    decide(soon, ENOUGH)
    now = datetime.now(UTC)
    training_id = ask(soon)
    with soon.session() as db:
        trainings.claim(db, training_id, lease="a", now=now, until=now + timedelta(hours=1))
        trainings.complete(db, training_id, "a", TrainingState.REFUSED, error="too few")
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 1
    decide(soon, ENOUGH, outcome="lost")
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 2


def test_what_was_left_out_of_the_champion_is_left_out_again(celery: Services) -> None:
    history(celery, examples(400))
    wishes = TrainingOptions(without=("visits",))
    training_id = ask(celery, wishes=wishes)
    train_model(training_id)
    with celery.session() as db:
        champions.promote(db, str(found(celery, training_id).version))
        asked = request_training.request_training(db, TrainingReason.DRIFT)
    assert asked is not None
    assert found(celery, asked).wishes == wishes


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Services, Gate]]:
    """Its workers reach Redis through a gate, and ask for a training after three outcomes."""
    with open_services(settings) as services, gate(settings.redis_url) as passage, in_this_process(services):
        monkeypatch.setenv("SERVICE6_LEARNING__OUTCOMES", str(ENOUGH))
        yield services, passage


@pytest.mark.chaos
def test_upkeep_that_is_killed_between_any_two_steps_asks_for_one_training(guarded: tuple[Services, Gate]) -> None:
    services, passage = guarded
    leads_saved(services, ENOUGH)
    decide(services, ENOUGH)
    publish(services)
    address = {"REDIS_URL": passage.url}
    with services.engine.connect() as holder:
        # Between reading and asking.
        holder.execute(text("INSERT INTO trainings (reason, actor, wishes) VALUES ('asked', 'a', '{}')"))
        with worker(services.settings, "upkeep", **address) as run:
            keep_trainings.delay()
            eventually(lambda: unacknowledged(services) == ENOUGH, within_s=60)
            blocked(services.engine)
            run.kill()
        # Its session waits on, as nobody has told PostgreSQL.
        execute(services, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        eventually(lambda: waiting_for_locks(services.engine) == 0)
        assert rows(services, TRAININGS) == []
        # Between asking and acknowledging.
        with worker(services.settings, "upkeep", **address) as run:
            keep_trainings.delay()
            blocked(services.engine)
            passage.shut()
            holder.rollback()
            eventually(lambda: passage.holds(b"XACK"), within_s=60)
            assert len(rows(services, TRAININGS)) == 1
            run.kill()
        passage.lose()
    assert unacknowledged(services) == ENOUGH
    with worker(services.settings, "upkeep", **address):
        keep_trainings.delay()
        eventually(lambda: unacknowledged(services) == 0, within_s=60)
    assert len(rows(services, TRAININGS)) == 1


@pytest.mark.chaos
def test_a_worker_that_is_killed_in_the_middle_leaves_the_champion_and_the_training_is_done_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE6_LEARNING__LEASE_S", "3")
    with open_services(settings) as services, in_this_process(services):
        history(services, examples(400))
        first = learned(services).version
        with services.session() as db:
            champions.promote(db, str(first))
        history(services, examples(700)[400:], "more")
        training_id = ask(services)
        with services.engine.connect() as holder:
            holder.execute(text("LOCK TABLE training_examples IN ACCESS EXCLUSIVE MODE"))
            with worker(settings, "learning") as run:
                deliver(task_calls.train_model(training_id))
                eventually(lambda: found(services, training_id).state == TrainingState.RUNNING, within_s=60)
                blocked(services.engine)
                lease = value(services, "SELECT lease_until FROM trainings WHERE id = :id", id=training_id)
                # It is renewed as long as it lives.
                eventually(
                    lambda: value(services, "SELECT lease_until FROM trainings WHERE id = :id", id=training_id) > lease
                )
                run.kill()
            holder.rollback()
        assert found(services, training_id).state == TrainingState.RUNNING
        assert services.champion.scorer.model.version == first
        with worker(settings, "learning"):
            eventually(lambda: _told_again(services, training_id), within_s=90, every_s=0.5)
        told = found(services, training_id)
        assert (told.state, told.attempts) == (TrainingState.DONE, 2)
        assert told.version is not None
        assert told.version != first


def _told_again(services: Services, training_id: int) -> bool:
    keep_trainings()
    return found(services, training_id).state == TrainingState.DONE
