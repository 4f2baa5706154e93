"""Conflation and reset against other processes that act between two steps of the relay or of a publisher.

Every test here fails when the guard that it names is deleted.
"""

import redis

from pipeline.redis_store.change_stream import ChangeStream
from pipeline.settings.loader import Settings
from tests.integration.feed.conftest import Publish, Published, RelayServer, Start, StartRelay
from tests.integration.feed.publishing import OTHERS, Database, leader_of
from tests.integration.feed.slow import flood, sleeper
from tests.support.gate import Gate, gate
from tests.support.waiting import eventually

KEY = "lead:77"
DEPOSE = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"


def hold_a_former_leader(way: Gate, db: Database, publishers: Start, published: Published) -> None:
    """One publisher has taken rev 1 and is held before it appends it; another leads by now, and has published rev 1."""
    first = publishers(REDIS_URL=way.url)
    db.save((76, 1))
    eventually(lambda: published()[-1:] == [("lead:76", 1)])
    assert leader_of(db, first) is first
    publishers()
    eventually(lambda: db.one(OTHERS) == 2)
    way.shut()
    db.save((77, 1))
    eventually(lambda: way.holds(b'"rev":1'))
    db.one(DEPOSE)
    eventually(lambda: published()[-1:] == [(KEY, 1)])


def lead_on(db: Database, published: Published) -> None:
    db.save((77, 2))
    eventually(lambda: published()[-1:] == [(KEY, 2)])


def catch_up(way: Gate, published: Published) -> None:
    """The former leader goes on where it was held."""
    way.open()
    eventually(lambda: published()[-1:] == [(KEY, 1)])


# Conflation: of one key the highest rev is sent, whatever arrives last.


def test_within_a_flush_a_former_leaders_late_entry_is_left_out(
    relays: StartRelay, db: Database, publishers: Start, published: Published, publish: Publish, settings: Settings
) -> None:
    with gate(settings.redis_url) as publishers_way, gate(settings.redis_url) as relays_way:
        relay = relays(redis_url=relays_way.url)
        with relay.reader() as reader:
            reader.subscribe()
            hold_a_former_leader(publishers_way, db, publishers, published)
            reader.changes_until(KEY, 1)
            relays_way.shut()  # so that it reads what follows at once
            eventually(relays_way.holds)
            lead_on(db, published)
            catch_up(publishers_way, published)
            relays_way.open()
            assert [event["rev"] for event in reader.next("changes")["events"]] == [2]


def test_for_a_reader_that_waits_a_former_leaders_late_entry_is_left_out(
    relays: StartRelay, db: Database, publishers: Start, published: Published, publish: Publish, settings: Settings
) -> None:
    relay = relays(slow_after_s=60, buffer_limit=32_768)
    with gate(settings.redis_url) as way, sleeper(relay) as slow, relay.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        hold_a_former_leader(way, db, publishers, published)
        slow.changes_until(KEY, 1)
        flood(publish, range(1, 20))
        lead_on(db, published)
        quick.changes_until(KEY, 2)
        catch_up(way, published)
        quick.changes_until(KEY, 1)
        publish({"lead": 1000})
        seen = [event for batch in slow.changes_until("lead:1000", 1) for event in batch["events"]]
    assert [event["rev"] for event in seen if event["key"] == KEY] == [2]


# Reset: what a relay has not read is never passed over in silence.


def begun(relay: RelayServer, publish: Publish) -> None:
    """Something was read, so that the relay's position is one of this stream."""
    with relay.reader() as reader:
        reader.subscribe()
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)


def test_everyone_is_reset_when_a_publisher_trims_what_a_held_relay_has_not_read(
    relays: StartRelay, db: Database, publishers: Start, publish: Publish, settings: Settings
) -> None:
    with gate(settings.redis_url) as way:
        relay = relays(redis_url=way.url)
        begun(relay, publish)
        with relay.reader() as reader:
            reader.subscribe()
            way.shut()
            eventually(way.holds)
            db.save(*((lead, 1) for lead in range(2, 600)))
            publishers(SERVICE6_STREAM__LENGTH="100")
            eventually(lambda: db.waiting == 0)
            way.open()
            assert reader.closing()[0] == 4010
            assert not any('"changes"' in heard for heard in reader.heard)


def test_everyone_is_reset_when_a_publisher_begins_the_stream_anew_under_a_held_relay(
    relays: StartRelay,
    db: Database,
    publishers: Start,
    publish: Publish,
    published: Published,
    feed: ChangeStream,
    settings: Settings,
) -> None:
    with gate(settings.redis_url) as way, redis.Redis.from_url(settings.redis_url) as server:
        relay = relays(redis_url=way.url)
        begun(relay, publish)
        with relay.reader() as reader:
            old = reader.subscribe()["position"]
            way.shut()
            eventually(way.holds)
            server.flushdb()  # a Redis that came back without its file
            publishers()
            db.save((2, 1))
            eventually(lambda: published() == [("lead:2", 1)])
            way.open()
            assert reader.closing()[0] == 4010
            assert not any('"changes"' in heard for heard in reader.heard)
        with relay.reader() as reader:
            told = reader.subscribe(old)
        assert (told["resumed"], told["position"]) == (False, feed.position().model_dump())
