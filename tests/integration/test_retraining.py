"""Outcomes ask for a training, once, whatever is killed between any two steps; PostgreSQL counts, the stream hints."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from sqlalchemy import text

from pipeline import retraining
from pipeline.outcome_stream import GROUP, KEY
from pipeline.settings import Settings
from pipeline.storage import champions, trainings
from pipeline.wiring import Services
from schemas.training import Reason, TrainingState, TrainingWishes
from tasks.learning import hint, train_model
from tasks.upkeep import keep_trainings, watch_champion
from tests.gate import Gate, gate
from tests.integration.learned import ask, found, history, learned
from tests.integration.rows import blocked, execute, leads_saved, rows, save, told, value, waiting_for_locks
from tests.serving import in_this_process, services, worker
from tests.unit.pipeline.learning.leads import examples
from tests.waiting import eventually

ENOUGH = 3
TRAININGS = "SELECT id, state, reason, actor FROM trainings ORDER BY id"


@pytest.fixture
def soon(celery: Services) -> Services:
    """A training is asked for after three outcomes."""
    learning = celery.settings.learning.model_copy(update={"outcomes": ENOUGH})
    celery.settings = celery.settings.model_copy(update={"learning": learning})
    return celery


def decide(own: Services, number: int, outcome: str = "won", **more: str) -> None:
    save(own, [told(own, f"L{n}", outcome=outcome, **more) for n in range(number)])


def publish(own: Services) -> None:
    """As the publisher does, for outcomes alone."""
    own.outcomes.append([row["key"] for row in rows(own, "SELECT key FROM outbox WHERE kind = 'outcome'")])


def unacknowledged(own: Services) -> int:
    """Entries that were read; none as long as nobody reads."""
    try:
        pending: Any = own.redis.xpending(KEY, GROUP)
    except redis.ResponseError:
        return 0
    return int(pending["pending"])


def test_an_outcome_is_noted_with_its_change_once_and_again_only_if_it_differs(own: Services) -> None:
    leads_saved(own, 2)
    decide(own, 2)
    decide(own, 2)
    assert value(own, "SELECT count(*) FROM outcomes") == 2
    assert value(own, "SELECT count(*) FROM outbox WHERE kind = 'outcome'") == 2
    decide(own, 1, outcome="lost")
    assert [row["outcome"] for row in rows(own, "SELECT outcome FROM outcomes ORDER BY lead_id")] == ["lost", "won"]
    assert value(own, "SELECT count(*) FROM outbox WHERE kind = 'outcome'") == 3


def test_an_outcome_that_is_taken_back_is_none(own: Services) -> None:
    leads_saved(own, 2)
    decide(own, 2)
    decide(own, 1, outcome="open")
    assert value(own, "SELECT count(*) FROM outcomes") == 1


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
        trainings.take(db, training_id, lease="a", now=now, until=now + timedelta(hours=1))
        trainings.settle(db, training_id, "a", TrainingState.REFUSED, error="too few")
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 1
    decide(soon, ENOUGH, outcome="lost")
    watch_champion()
    assert len(rows(soon, TRAININGS)) == 2


def test_what_was_left_out_of_the_champion_is_left_out_again(celery: Services) -> None:
    history(celery, examples(400))
    wishes = TrainingWishes(without=("visits",))
    training_id = ask(celery, wishes=wishes)
    train_model(training_id)
    with celery.session() as db:
        champions.promote(db, str(found(celery, training_id).version))
        asked = retraining.ask(db, Reason.DRIFT)
    assert asked is not None
    assert found(celery, asked).wishes == wishes


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Services, Gate]]:
    """Its workers reach Redis through a gate, and ask for a training after three outcomes."""
    with services(settings) as own, gate(settings.redis_url) as passage, in_this_process(own):
        monkeypatch.setenv("SERVICE6_LEARNING__OUTCOMES", str(ENOUGH))
        yield own, passage


@pytest.mark.chaos
def test_upkeep_that_is_killed_between_any_two_steps_asks_for_one_training(guarded: tuple[Services, Gate]) -> None:
    own, passage = guarded
    leads_saved(own, ENOUGH)
    decide(own, ENOUGH)
    publish(own)
    address = {"REDIS_URL": passage.url}
    with own.engine.connect() as holder:
        # Between reading and asking.
        holder.execute(text("INSERT INTO trainings (reason, actor, wishes) VALUES ('asked', 'a', '{}')"))
        with worker(own.settings, "upkeep", **address) as run:
            keep_trainings.delay()
            eventually(lambda: unacknowledged(own) == ENOUGH, within_s=60)
            blocked(own.engine)
            run.kill()
        # Its session waits on, as nobody has told PostgreSQL.
        execute(own, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        eventually(lambda: waiting_for_locks(own.engine) == 0)
        assert rows(own, TRAININGS) == []
        # Between asking and acknowledging.
        with worker(own.settings, "upkeep", **address) as run:
            keep_trainings.delay()
            blocked(own.engine)
            passage.shut()
            holder.rollback()
            eventually(lambda: passage.holds(b"XACK"), within_s=60)
            assert len(rows(own, TRAININGS)) == 1
            run.kill()
        passage.lose()
    assert unacknowledged(own) == ENOUGH
    with worker(own.settings, "upkeep", **address):
        keep_trainings.delay()
        eventually(lambda: unacknowledged(own) == 0, within_s=60)
    assert len(rows(own, TRAININGS)) == 1


@pytest.mark.chaos
def test_a_worker_that_is_killed_in_the_middle_leaves_the_champion_and_the_training_is_done_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE6_LEARNING__LEASE_S", "3")
    with services(settings) as own, in_this_process(own):
        history(own, examples(400))
        first = learned(own).version
        with own.session() as db:
            champions.promote(db, str(first))
        history(own, examples(700)[400:], "more")
        training_id = ask(own)
        with own.engine.connect() as holder:
            holder.execute(text("LOCK TABLE training_examples IN ACCESS EXCLUSIVE MODE"))
            with worker(settings, "learning") as run:
                hint(training_id)
                eventually(lambda: found(own, training_id).state == TrainingState.RUNNING, within_s=60)
                blocked(own.engine)
                lease = value(own, "SELECT lease_until FROM trainings WHERE id = :id", id=training_id)
                # It is renewed as long as it lives.
                eventually(
                    lambda: value(own, "SELECT lease_until FROM trainings WHERE id = :id", id=training_id) > lease
                )
                run.kill()
            holder.rollback()
        assert found(own, training_id).state == TrainingState.RUNNING
        assert own.champion.scorer.model.version == first
        with worker(settings, "learning"):
            eventually(lambda: _told_again(own, training_id), within_s=90, every_s=0.5)
        told = found(own, training_id)
        assert (told.state, told.attempts) == (TrainingState.DONE, 2)
        assert told.version is not None
        assert told.version != first


def _told_again(own: Services, training_id: int) -> bool:
    keep_trainings()
    return found(own, training_id).state == TrainingState.DONE
