"""The publisher as a process: nothing saved is left unpublished, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import orjson
import psutil
import pytest
from sqlalchemy import insert, text

from pipeline.redis_store import redis_client
from pipeline.redis_store.change_stream import ChangeStream
from pipeline.settings.loader import Settings
from pipeline.storage.platform.tables import outbox
from schemas.event import ScoreChanged
from tests.integration.feed.conftest import Publish, Published, RelayServer, Start
from tests.integration.feed.publishing import LEADER, OTHERS, Database, leader_of, save
from tests.support.feed import scored
from tests.support.waiting import eventually
from workers import publisher

END_THE_DELETE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_a_saved_change_becomes_a_valid_event(
    db: Database, publishers: Start, settings: Settings, published: Published
) -> None:
    publishers()
    db.save((7, 3))
    eventually(lambda: published() == [("lead:7", 3)])
    with redis_client.connect(settings.redis_url) as client:
        ((_, fields),) = client.xrange(settings.stream.key)
    change = ScoreChanged.model_validate_json(fields[b"event"])
    assert (change.body.score.rev, change.body.previous_score) == (3, 42.5)
    assert change.at == change.body.score.updated_at
    assert orjson.loads(fields[b"routing"]) == {"owner": "ann", "previous_owner": "bob"}
    eventually(lambda: db.waiting == 0)


def test_a_hint_is_faster_than_the_poll(
    db: Database, publishers: Start, feed: ChangeStream, published: Published
) -> None:
    publishers(SERVICE6_PUBLISHER__POLL_MS="60000")
    db.save((1, 1))
    eventually(lambda: published() == [("lead:1", 1)])  # found when it started
    db.save((2, 1))
    feed.hint()
    eventually(lambda: published()[1:] == [("lead:2", 1)], within_s=5)


def test_without_a_hint_the_poll_finds_it(db: Database, publishers: Start, published: Published) -> None:
    publishers()
    eventually(lambda: db.one(LEADER) == 1)
    db.save((1, 1))
    eventually(lambda: published() == [("lead:1", 1)])


def test_more_than_a_batch_is_published_in_the_order_of_ids(
    db: Database, publishers: Start, published: Published
) -> None:
    changes = [(lead, 1) for lead in range(120)]
    db.save(*changes)
    publishers(SERVICE6_PUBLISHER__BATCH="50", SERVICE6_PUBLISHER__POLL_MS="60000")
    eventually(lambda: db.waiting == 0)
    assert published() == [(f"lead:{lead}", rev) for lead, rev in changes]


def test_a_late_commit_with_a_lower_id_is_still_published(
    db: Database, publishers: Start, published: Published
) -> None:
    publishers()
    with db.session() as late:
        save(late, (1, 1))
        db.save((2, 1))
        eventually(lambda: published() == [("lead:2", 1)])
    eventually(lambda: published() == [("lead:2", 1), ("lead:1", 1)])
    eventually(lambda: db.waiting == 0)


def test_a_death_between_append_and_discard_doubles_and_loses_nothing(
    db: Database, publishers: Start, published: Published
) -> None:
    db.save((1, 1), (2, 1))
    expected = [("lead:1", 1), ("lead:2", 1)]
    with db.session() as barrier:
        # Readers pass a row lock, a delete waits for it: so it stands exactly between the two.
        barrier.execute(text("SELECT 1 FROM outbox FOR UPDATE"))
        first = publishers()
        eventually(lambda: published() == expected)
        first.send_signal(signal.SIGKILL)
        first.wait()
        # Its statement would go on without it; a machine that fails takes both.
        eventually(lambda: db.one(END_THE_DELETE))
    publishers()
    eventually(lambda: published() == expected * 2)
    eventually(lambda: db.waiting == 0)


def test_of_two_one_leads_and_its_death_loses_nothing(db: Database, publishers: Start, published: Published) -> None:
    with db.session() as barrier:
        # Neither may take the lead before both are there to try.
        barrier.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": 0x7365727669636536})
        both = (publishers(), publishers())
        eventually(lambda: db.one(OTHERS) == len(("barrier", *both)))
    leader = leader_of(db, *both)
    (standby,) = (child for child in both if child is not leader)
    db.save(*((lead, 1) for lead in range(50)))
    eventually(lambda: len(published()) == 50 and db.waiting == 0)  # one that dies in between publishes again
    leader.send_signal(signal.SIGSTOP)  # so that these wait when it dies
    db.save(*((lead, 2) for lead in range(50)))
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    eventually(lambda: {(f"lead:{lead}", 2) for lead in range(50)} <= set(published()))
    assert leader_of(db, standby) is standby
    assert len(published()) == 100  # published once: never did two lead at a time


def test_a_leader_that_loses_its_connection_is_replaced_or_leads_again(
    db: Database, publishers: Start, published: Published
) -> None:
    both = (publishers(), publishers())
    leader_of(db, *both)
    db.one("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    db.save((1, 1))
    eventually(lambda: set(published()) == {("lead:1", 1)})
    eventually(lambda: db.one(LEADER) == 1)


def test_a_row_that_is_no_event_does_not_hold_up_the_others(
    db: Database, publishers: Start, published: Published, state_dir: Path
) -> None:
    with db.session() as connection:
        for kind, body in (("score", "no json"), ("score", "[]"), ("run", "{")):
            connection.execute(insert(outbox), {"kind": kind, "key": "lead:0", "rev": 1, "body": body})
        save(connection, (1, 1))
    publishers()
    eventually(lambda: published() == [("lead:1", 1)])
    eventually(lambda: db.waiting == 0)
    assert (state_dir / "publisher.log").read_text(encoding="utf-8").count("is dropped") == 3


@pytest.mark.parametrize("kind", ["call", "rollup", "insight.ready"])
def test_a_kind_that_a_newer_version_writes_arrives_whole(
    db: Database, publishers: Start, published: Published, settings: Settings, kind: str
) -> None:
    body = {"call": "17", "parts": [1, 2.5, None, {"deep": "ü"}]}
    row = {"kind": kind, "key": f"{kind}:17", "rev": 3, "body": json.dumps(body), "owner": "ann"}
    publishers()
    with db.session() as connection:
        connection.execute(insert(outbox), row)
        save(connection, (1, 1))
    eventually(lambda: db.waiting == 0)
    assert published() == [(f"{kind}:17", 3), ("lead:1", 1)]
    with redis_client.connect(settings.redis_url) as client:
        (_, fields), _ = client.xrange(settings.stream.key)
    event = orjson.loads(fields[b"event"])
    assert event.pop("at").endswith("Z")
    assert event == {"kind": kind, "key": f"{kind}:17", "rev": 3, "v": 1, "body": body}
    assert orjson.loads(fields[b"routing"]) == {"owner": "ann", "previous_owner": None}


def test_an_older_relay_passes_over_newer_kinds_with_one_warning_each(
    relay: RelayServer, feed: ChangeStream, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    newer = [
        scored(1)._replace(kind=kind, key=f"{kind}:1", body="{}") for kind in ("newer", "newest") for _ in range(9)
    ]
    with relay.reader() as reader:
        reader.subscribe(topics=("leads", "runs", "calls", "metrics"))
        feed.append([publisher.entry(row) for row in newer])
        publish({"lead": 2})
        (batch,) = reader.changes_until("lead:2", 1)
    assert [event["key"] for event in batch["events"]] == ["lead:2"]
    warnings = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert sorted("newest" in warning for warning in warnings) == [False, True]


def test_it_goes_on_when_redis_comes_back(
    db: Database, publishers: Start, published: Published, settings: Settings
) -> None:
    publishers()
    eventually(lambda: db.one(LEADER) == 1)
    with redis_client.connect(settings.redis_url) as client:
        for rev in range(1, 4):
            client.client_kill_filter(_type="pubsub")
            client.client_kill_filter(_type="normal", skipme=True)
            db.save((1, rev))
    eventually(lambda: set(published()) == {("lead:1", rev) for rev in range(1, 4)})


def test_sigterm_stops_leader_and_standby_at_once(db: Database, publishers: Start) -> None:
    both = (publishers(SERVICE6_PUBLISHER__POLL_MS="60000"), publishers())
    eventually(lambda: db.one(OTHERS) == len(both))
    leader_of(db, *both)
    heartbeats = Path(os.environ["SERVICE6_STATE_DIR"]) / "heartbeats" / "publisher"
    eventually(heartbeats.exists)
    for child in both:
        child.terminate()
    assert [child.wait(15) for child in both] == [0, 0]


def test_idle_it_costs_next_to_nothing(db: Database, publishers: Start) -> None:
    child = publishers()
    leader_of(db, child)
    idle = psutil.Process(child.pid)
    before = sum(idle.cpu_times()[:2])
    time.sleep(2)  # what it costs over a time is the question
    assert sum(idle.cpu_times()[:2]) - before < 2 * 0.02
