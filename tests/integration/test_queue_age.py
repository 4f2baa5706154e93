"""How old messages are: those of beat, and those that do not say it. No worker here."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest
import redis
from click.testing import CliRunner

from cli import main
from pipeline import task_calls
from pipeline.redis_store import queue_depths
from pipeline.settings.loader import Settings
from pipeline.task_calls import ENQUEUED_AT
from pipeline.wiring import Services
from tasks import queues
from tasks.app import app, deliver
from tasks.upkeep import sweep
from tests.integration.rows import back_dated, leads_saved, rows
from tests.support.serving import in_this_process, open_services, process
from tests.support.waiting import eventually
from workers.api.routes.health_routes import _exposition
from workers.supervisor.process_table import BROKER

FOREIGN = b'{"headers": {"id": "foreign", "task": "foreign"}, "body": "W10="}'


def stamps(services: Services, queue: str) -> list[float | None]:
    """Of all messages, the oldest first."""
    with redis.Redis.from_url(services.settings.redis_url) as client:
        return [queue_depths.enqueued_at(message) for message in reversed(client.lrange(queue, 0, -1))]


def test_beat_says_when_it_enqueued(settings: Settings, services: Services) -> None:
    began = time.time()
    schedule = settings.state_dir / "schedule"
    argv = (*BROKER[2:], "beat", f"--schedule={schedule}", "--pidfile=")
    with process("beat", argv, settings, SERVICE6_UPKEEP__TICK_S="0.2"):
        eventually(lambda: len(stamps(services, "upkeep")) >= 3, within_s=60)
    assert all(at is not None and began <= at <= time.time() for at in stamps(services, "upkeep"))
    depth = next(one for one in queue_depths.depths(services.redis, queues.names()) if one.name == "upkeep")
    assert depth.oldest_s is not None
    assert depth.oldest_s <= time.time() - began


def test_so_does_whoever_else_enqueues(celery: Services) -> None:
    began = time.time()
    deliver(task_calls.score_leads([1]))
    deliver(task_calls.rescore(1))
    deliver(task_calls.write_back("standard", "webhook"))
    sweep.delay()
    sweep.apply_async(headers={"other": 1})
    app.send_task("learning.train_model", args=(1,))
    for queue in queues.names():
        found = stamps(celery, queue)
        assert found
        assert all(at is not None and began <= at <= time.time() for at in found)


@pytest.fixture
def celery(services: Services) -> Iterator[Services]:
    """An impatient upkeep."""
    upkeep = services.settings.upkeep.model_copy(update={"grace_s": 5.0, "backoff_s": 1.0})
    with open_services(services.settings.model_copy(update={"upkeep": upkeep})) as made, in_this_process(made):
        yield made


def lost(services: Services) -> list[int]:
    """Leads that have waited for a minute and have no message."""
    ids = leads_saved(services, 2)
    back_dated(services, timedelta(minutes=1))
    return ids


def attempts(services: Services) -> list[int]:
    return [row["attempts"] for row in rows(services, "SELECT attempts FROM unscored ORDER BY lead_id")]


@pytest.mark.parametrize("foreign", [FOREIGN, b"no JSON at all", b'{"headers": {"enqueued_at": "soon"}}'])
def test_a_message_of_unknown_age_hides_no_loss_and_uses_up_no_attempts(celery: Services, foreign: bytes) -> None:
    lost(celery)
    celery.redis.rpush("scoring", foreign)
    sweep()
    assert attempts(celery) == [1, 1]
    assert len(stamps(celery, "scoring")) == 2
    for _ in range(4):  # nobody takes anything, and the next attempts are due
        with celery.session() as db:
            db.connection().exec_driver_sql("UPDATE unscored SET due = now()")
        sweep()
    assert attempts(celery) == [1, 1]


def test_behind_a_message_of_unknown_age_a_backlog_is_still_none_that_was_lost(celery: Services) -> None:
    ids = leads_saved(celery, 2)
    deliver(task_calls.score_leads(ids))
    message = orjson.loads(celery.redis.lindex("scoring", 0))  # type: ignore[arg-type]
    message["headers"][ENQUEUED_AT] -= 60
    celery.redis.lset("scoring", 0, orjson.dumps(message).decode())
    celery.redis.rpush("scoring", FOREIGN)
    back_dated(celery, timedelta(seconds=30))
    sweep()
    assert attempts(celery) == [0, 0]


def test_where_too_many_say_nothing_nothing_counts_as_lost(celery: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_depths, "SEARCHED", 3)
    lost(celery)
    celery.redis.rpush("scoring", *[FOREIGN] * 3)
    sweep()
    assert attempts(celery) == [0, 0]
    celery.redis.rpop("scoring")
    sweep()
    assert attempts(celery) == [1, 1]


def test_an_unknown_age_is_told_as_unknown(services: Services, settings: Settings) -> None:
    services.redis.rpush("upkeep", FOREIGN)
    arguments = ["queues", "--state-dir", str(settings.state_dir)]
    shown = CliRunner().invoke(main, arguments).stdout.splitlines()
    assert next(line.split() for line in shown if line.startswith("upkeep")) == ["upkeep", "1", "0", "unknown"]
    assert next(line.split() for line in shown if line.startswith("scoring")) == ["scoring", "0", "0", "-"]
    told = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert {queue["name"]: queue["oldest_s"] for queue in told["queues"]} == dict.fromkeys(queues.names())
    figures = _exposition(services).decode()
    assert 'service6_queue_messages{queue="upkeep"} 1.0' in figures
    assert 'service6_queue_oldest_seconds{queue="upkeep"}' not in figures
    assert 'service6_queue_oldest_seconds{queue="scoring"} 0.0' in figures
