"""Messages are hints, rows the truth: a real worker is killed, poisoned, flushed and told everything twice."""

import base64
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
import psutil
import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import text

from pipeline import task_calls
from pipeline.errors import TryAgain
from pipeline.settings.loader import Settings
from pipeline.task_calls import ENQUEUED_AT
from pipeline.wiring import Services
from tasks import app as tasks_app
from tasks.app import deliver
from tasks.scoring import score_leads
from tasks.upkeep import sweep
from tests.integration.rows import back_dated, blocked, execute, leads_saved, rows, save, scored, told, value
from tests.support.serving import in_this_process, log_of, open_services, worker
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port

# So that a lead that waits is stranded at once, and its attempts are soon used up.
IMPATIENT = {
    "SERVICE6_UPKEEP__GRACE_S": "0",
    "SERVICE6_UPKEEP__BACKOFF_S": "0.05",
    "SERVICE6_UPKEEP__MAX_ATTEMPTS": "2",
}
OWED = "SELECT count(*) FROM unscored WHERE NOT dead"
STARTING_S = 40.0


@pytest.fixture(scope="module")
def running(place: Settings) -> Iterator[psutil.Process]:
    with worker(place, **IMPATIENT) as run:
        yield psutil.Process(run.pid)


@pytest.fixture
def services(place: Settings) -> Iterator[Services]:
    """All tests here share a database and empty it before they begin."""
    with open_services(place) as made:
        execute(
            made, "TRUNCATE leads, lead_contacts, unscored, scores, score_history, outbox, dead_letters, deliveries"
        )
        execute(made, "TRUNCATE feature_vectors")
        yield made


def all_scored(services: Services) -> None:
    eventually(lambda: value(services, OWED) == 0, within_s=STARTING_S)


@contextmanager
def held(services: Services, table: str) -> Iterator[None]:
    """Nobody writes to the table meanwhile."""
    with services.engine.connect() as connection:
        connection.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        yield


@pytest.mark.usefixtures("running")
def test_a_message_scores_its_bundle(celery: Services) -> None:
    ids = leads_saved(celery, 30)
    deliver(task_calls.score_leads(ids))
    all_scored(celery)
    for table in ("scores", "score_history", "feature_vectors", "outbox"):
        assert value(celery, f"SELECT count(*) FROM {table}") == 30  # noqa: S608
    assert rows(celery, "SELECT DISTINCT rev, lead_revision FROM scores") == [{"rev": 1, "lead_revision": 1}]


@pytest.mark.usefixtures("running")
def test_a_message_that_comes_twice_has_the_effect_of_one(celery: Services) -> None:
    ids = leads_saved(celery, 3)
    for _ in range(3):
        deliver(task_calls.score_leads(ids + ids))
    all_scored(celery)
    deliver(task_calls.score_leads(leads_saved(celery, 0) or ids))
    eventually(lambda: celery.redis.llen("scoring") == 0 and celery.redis.hlen("unacked") == 0)
    assert value(celery, "SELECT count(*) FROM score_history") == 3


@pytest.mark.usefixtures("running")
def test_a_message_about_nothing_does_nothing(celery: Services) -> None:
    deliver(task_calls.score_leads([]))
    deliver(task_calls.score_leads([999_999]))
    deliver(task_calls.score_leads(leads_saved(celery, 1)))
    all_scored(celery)
    assert value(celery, "SELECT count(*) FROM scores") == 1


def test_a_worker_that_is_killed_in_the_middle_of_a_bundle_loses_nothing(
    celery: Services, running: psutil.Process
) -> None:
    ids = leads_saved(celery, 20)
    with held(celery, "scores"):
        deliver(task_calls.score_leads(ids))
        blocked(celery.engine)
        [child] = eventually(running.children)
        os.kill(child.pid, signal.SIGKILL)
        eventually(lambda: child.pid not in [other.pid for other in running.children()])
    assert value(celery, OWED) == 20
    assert value(celery, "SELECT count(*) FROM scores") == 0
    eventually(lambda: celery.redis.hlen("unacked") == 0)  # Celery gave the message up; only the rows know
    back_dated(celery, timedelta(minutes=1))
    sweep.delay()
    all_scored(celery)
    assert value(celery, "SELECT count(*) FROM score_history") == 20


@pytest.mark.usefixtures("running")
def test_what_a_flushed_redis_forgot_is_brought_back(celery: Services) -> None:
    with held(celery, "scores"):
        deliver(task_calls.score_leads(leads_saved(celery, 1)))  # the worker is busy with this one
        blocked(celery.engine)
        deliver(task_calls.score_leads(save(celery, [told(celery, f"N{n}") for n in range(10)])))
        celery.redis.delete("scoring")
    eventually(lambda: value(celery, OWED) == 10)
    back_dated(celery, timedelta(minutes=1))
    sweep.delay()
    all_scored(celery)


def poisoned(services: Services, lead: int) -> None:
    """A list under an attribute: no door lets it in, and the encoder cannot take it."""
    hush = orjson.dumps({"budget": [{"hush": "a value that no log may tell"}]}).decode()
    execute(services, "UPDATE leads SET attributes = CAST(:hush AS jsonb) WHERE id = :id", hush=hush, id=lead)


def test_a_poisonous_lead_ends_as_a_dead_letter_and_its_bundle_is_scored(
    celery: Services, running: psutil.Process, place: Settings
) -> None:
    ids = leads_saved(celery, 5)
    poisoned(celery, ids[2])
    deliver(task_calls.score_leads(ids))
    eventually(lambda: value(celery, OWED) == 1)
    assert {row["lead_id"] for row in rows(celery, "SELECT lead_id FROM scores")} == {*ids} - {ids[2]}

    def dead() -> bool:
        sweep.delay()
        return bool(value(celery, "SELECT count(*) FROM dead_letters"))

    eventually(dead, within_s=30, every_s=0.3)
    [letter] = rows(celery, "SELECT * FROM dead_letters")
    assert (letter["queue"], letter["task"]) == ("scoring", "scoring.score_leads")
    assert letter["arguments"] == {"lead_id": ids[2]}
    assert letter["attempts"] == 2
    assert letter["first_at"] < letter["last_at"] <= datetime.now(UTC)
    assert letter["error"].startswith("TypeError")
    assert "pipeline/scoring/features.py" in letter["error"]
    assert "hush" not in letter["error"]
    assert rows(celery, "SELECT lead_id, dead FROM unscored") == [{"lead_id": ids[2], "dead": True}]
    assert b"no log may tell" not in log_of(place, "worker").read_bytes()
    assert running.is_running()


@pytest.mark.usefixtures("running")
def test_a_new_revision_reopens_a_dead_lead(celery: Services) -> None:
    [lead] = leads_saved(celery, 1)
    execute(celery, "UPDATE unscored SET dead = true, attempts = 2, error = 'x', due = 'infinity'")
    deliver(task_calls.score_leads([lead]))
    sweep.delay()
    eventually(lambda: celery.redis.llen("scoring") == 0 and celery.redis.hlen("unacked") == 0)
    assert value(celery, "SELECT count(*) FROM scores") == 0
    save(celery, [told(celery, "L0", budget=5)])
    [again] = rows(celery, "SELECT attempts, dead, error, lead_revision FROM unscored")
    assert again == {"attempts": 0, "dead": False, "error": None, "lead_revision": 2}
    deliver(task_calls.score_leads([lead]))
    all_scored(celery)


# What a sweep takes for lost. No worker here: the test sweeps itself and looks into the queue.


@pytest.fixture
def idle(settings: Settings) -> Iterator[Services]:
    """An impatient upkeep in this process, and no worker."""
    upkeep = settings.upkeep.model_copy(update={"grace_s": 5.0, "backoff_s": 1.0, "max_attempts": 3})
    with open_services(settings.model_copy(update={"upkeep": upkeep})) as made, in_this_process(made):
        yield made


def queued(services: Services) -> list[list[int]]:
    """The bundles that wait, the oldest first."""
    with redis.Redis.from_url(services.settings.redis_url) as client:
        messages = client.lrange("scoring", 0, -1)
    bodies = [base64.b64decode(orjson.loads(message)["body"]) for message in reversed(messages)]
    return [orjson.loads(body)[0][0] for body in bodies]


def attempts(services: Services) -> list[int]:
    return [row["attempts"] for row in rows(services, "SELECT attempts FROM unscored ORDER BY lead_id")]


def test_what_has_just_arrived_is_not_lost_yet(idle: Services) -> None:
    leads_saved(idle, 3)
    sweep()
    assert queued(idle) == []


def test_what_waits_without_a_message_is_enqueued_together(idle: Services) -> None:
    ids = leads_saved(idle, 3)
    back_dated(idle, timedelta(minutes=1))
    sweep()
    assert queued(idle) == [ids]


def test_a_backlog_is_not_mistaken_for_a_loss(idle: Services) -> None:
    first = leads_saved(idle, 2)
    deliver(task_calls.score_leads(first))
    # A minute ago; the third came half a minute ago. Its message is behind that one, or lost; nobody can tell yet.
    message = orjson.loads(idle.redis.lindex("scoring", 0))  # type: ignore[arg-type]
    message["headers"][ENQUEUED_AT] -= 60
    idle.redis.lset("scoring", 0, orjson.dumps(message).decode())
    save(idle, [told(idle, "N")])
    back_dated(idle, timedelta(seconds=30))
    sweep()
    assert queued(idle) == [first]
    assert attempts(idle) == [0, 0, 0]


def test_what_is_older_than_the_whole_queue_is_not_in_it(idle: Services) -> None:
    lost = leads_saved(idle, 2)
    back_dated(idle, timedelta(minutes=1))
    waiting = save(idle, [told(idle, "N")])
    deliver(task_calls.score_leads(waiting))
    sweep()
    assert queued(idle) == [waiting, lost]


def test_a_message_of_upkeep_that_waits_is_not_counted_as_lost_again(idle: Services) -> None:
    """Without a worker for minutes the attempts of a lead whose first message was lost would be used up."""
    leads_saved(idle, 1)
    back_dated(idle, timedelta(minutes=10))
    sweep()
    execute(idle, "UPDATE unscored SET since = since - interval '1 hour', due = now()")
    for _ in range(4):
        sweep()
    assert attempts(idle) == [1]
    assert len(queued(idle)) == 1


def test_attempts_go_alone_further_and_further_apart_and_end(idle: Services) -> None:
    ids = leads_saved(idle, 2)
    back_dated(idle, timedelta(hours=1))
    sweep()
    for expected in (2, 3):
        idle.redis.delete("scoring")  # lost again
        back_dated(idle, timedelta(minutes=1))
        sweep()
        assert attempts(idle) == [expected] * 2
        assert queued(idle) == [[lead] for lead in ids]
    waits = rows(idle, "SELECT DISTINCT extract(epoch FROM due - now())::int AS s FROM unscored")
    assert [row["s"] for row in waits] == [pytest.approx(4, abs=1)]
    idle.redis.delete("scoring")
    back_dated(idle, timedelta(minutes=1))
    sweep()
    sweep()
    assert queued(idle) == []
    letters = rows(idle, "SELECT arguments, attempts, error FROM dead_letters ORDER BY id")
    assert [(letter["arguments"]["lead_id"], letter["attempts"]) for letter in letters] == [(lead, 3) for lead in ids]
    assert "worker died without a word" in letters[0]["error"]


def used_up(services: Services) -> None:
    execute(services, "UPDATE unscored SET attempts = 3, error = 'x'")
    back_dated(services, timedelta(hours=1))


@pytest.mark.parametrize("number", [1, 3])
def test_a_server_that_is_not_fit_brings_no_lead_nearer_to_its_death(idle: Services, number: int) -> None:
    ids = leads_saved(idle, number)
    used_up(idle)
    execute(idle, "ALTER TABLE score_history RENAME TO not_migrated_yet")
    for _ in range(2):
        with pytest.raises(TryAgain):
            score_leads(ids)
        back_dated(idle, timedelta(hours=1))
        sweep()
    assert attempts(idle) == [2] * number
    assert queued(idle)[-number:] == [[lead] for lead in ids]
    execute(idle, "ALTER TABLE not_migrated_yet RENAME TO score_history")
    score_leads(ids)
    assert value(idle, "SELECT count(*) FROM unscored") == 0


def test_a_server_that_fails_while_a_bundle_is_scored_apart_takes_no_lead_for_poison(idle: Services) -> None:
    ids = leads_saved(idle, 3)
    poisoned(idle, ids[0])
    used_up(idle)
    execute(idle, "ALTER TABLE score_history RENAME TO not_migrated_yet")
    with pytest.raises(TryAgain):
        score_leads(ids)
    assert [row["error"][:9] for row in rows(idle, "SELECT error FROM unscored ORDER BY lead_id")] == [
        "TypeError",
        "x",
        "x",
    ]


def test_a_new_revision_of_a_lead_whose_attempts_are_used_up_has_its_own(idle: Services) -> None:
    [lead] = leads_saved(idle, 1)
    used_up(idle)
    save(idle, [told(idle, "L0", budget=5)])
    assert rows(idle, "SELECT attempts, error, due > now() AS later FROM unscored") == [
        {"attempts": 1, "error": None, "later": True}
    ]
    back_dated(idle, timedelta(minutes=1))
    sweep()
    assert queued(idle) == [[lead]]
    assert value(idle, "SELECT count(*) FROM dead_letters") == 0


def test_a_sweep_without_redis_counts_no_attempt(idle: Services, settings: Settings) -> None:
    leads_saved(idle, 1)
    back_dated(idle, timedelta(hours=1))
    gone = settings.redis.model_copy(update={"url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")})
    with open_services(idle.settings.model_copy(update={"redis": gone})) as cut_off:
        tasks_app.serve(cut_off)
        with pytest.raises(redis.RedisError):
            sweep()
    assert attempts(idle) == [0]


def test_leads_are_scored_in_this_process_too(idle: Services) -> None:
    """So that what follows from a score can be read without waiting."""
    ids = leads_saved(idle, 3)
    score_leads(ids)
    assert scored(idle, ids) == []
