"""Nothing is lost by a drop: a subscription resumes whole, or says that it did not."""

import redis

from pipeline.redis_store.change_stream import ChangeStream
from pipeline.settings.loader import Settings
from tests.integration.feed.conftest import Message, Publish, Reader, RelayServer, StartRelay
from tests.support.waiting import eventually


def revisions(batches: list[Message]) -> dict[str, int]:
    """Per key the newest revision, as a client keeps it."""
    newest: dict[str, int] = {}
    for batch in batches:
        for event in batch["events"]:
            newest[event["key"]] = max(newest.get(event["key"], 0), event["rev"])
    return newest


def dropped(reader: Reader) -> None:
    """The connection ends as a broken network ends it."""
    reader.socket.socket.close()


def client(settings: Settings) -> "redis.Redis":
    return redis.Redis.from_url(settings.redis_url)


def test_a_first_subscription_says_that_a_snapshot_is_needed(relay: RelayServer, feed: ChangeStream) -> None:
    with relay.reader() as reader:
        told = reader.subscribe()
    assert told == {"t": "subscribed", "position": feed.position().model_dump(), "resumed": False}


def test_resume_after_a_drop_loses_nothing(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader:
        reader.subscribe()
        publish({"lead": 1, "rev": 1})
        position = reader.changes_until("lead:1", 1)[-1]["position"]
        dropped(reader)
    publish(*({"lead": lead, "rev": rev} for rev in (2, 3) for lead in range(1, 201)))
    with relay.reader() as reader:
        assert reader.subscribe(position) == {"t": "subscribed", "position": position, "resumed": True}
        publish({"lead": 999, "rev": 1})
        seen = revisions(reader.changes_until("lead:999", 1))
    assert seen == {**{f"lead:{lead}": 3 for lead in range(1, 201)}, "lead:999": 1}


def test_every_batchs_position_is_safe_to_resume_from(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader:
        start = reader.subscribe()["position"]
        publish(*({"lead": lead, "rev": 1} for lead in range(300)))
        batches = reader.changes_until("lead:299", 1)
    everything = {f"lead:{lead}": 1 for lead in range(300)}
    assert revisions(batches) == everything
    # Frames are cut, so that this looks at positions in the middle of a batch too.
    with relay.reader() as reader:
        assert reader.subscribe(start)["resumed"]
        again = reader.changes_until("lead:299", 1)
    assert len(again) > 1
    for number, batch in enumerate(again[:-1]):
        with relay.reader() as reader:
            assert reader.subscribe(batch["position"])["resumed"]
            rest = revisions(reader.changes_until("lead:299", 1))
        assert {**revisions(again[: number + 1]), **rest} == everything


def test_a_relay_that_was_restarted_resumes_clients_from_the_stream(relays: StartRelay, publish: Publish) -> None:
    first = relays()
    with first.reader() as reader:
        position = reader.subscribe()["position"]
    first.stop()
    publish({"lead": 1, "rev": 1})
    with relays().reader() as reader:
        assert reader.subscribe(position)["resumed"]
        assert revisions(reader.changes_until("lead:1", 1)) == {"lead:1": 1}


def test_a_position_that_has_not_reached_this_relay_yet_is_resumed(
    relays: StartRelay, feed: ChangeStream, publish: Publish
) -> None:
    with relays(flush_ms=500).reader() as reader:
        reader.subscribe()
        publish({"lead": 1, "rev": 1})
        behind = reader.changes_until("lead:1", 1)[-1]["position"]
        publish({"lead": 1, "rev": 2})  # the relay looks again after its flush interval
        ahead = feed.position().model_dump()
        assert ahead != behind
        assert reader.subscribe(ahead) == {"t": "subscribed", "position": ahead, "resumed": True}
        publish({"lead": 1, "rev": 3})
        reader.changes_until("lead:1", 3)


def test_another_epoch_is_reset(relay: RelayServer, feed: ChangeStream) -> None:
    with relay.reader() as reader:
        told = reader.subscribe({**feed.position().model_dump(), "epoch": "another"})
    assert told["resumed"] is False


def test_a_position_older_than_the_ring_is_reset(relays: StartRelay, publish: Publish) -> None:
    relay = relays(ring=10)
    with relay.reader() as reader:
        start = reader.subscribe()["position"]
        publish(*({"lead": lead} for lead in range(5)))
        middle = reader.changes_until("lead:4", 1)[-1]["position"]
        publish(*({"lead": lead} for lead in range(5, 15)))
        reader.changes_until("lead:14", 1)
    with relay.reader() as reader:
        assert reader.subscribe(start)["resumed"] is False
    with relay.reader() as reader:
        assert reader.subscribe(middle)["resumed"] is True


def test_a_position_trimmed_from_the_stream_is_reset_after_a_restart(
    relays: StartRelay, feed: ChangeStream, publish: Publish, settings: Settings
) -> None:
    start = feed.position().model_dump()
    publish(*({"lead": lead} for lead in range(10)))
    with client(settings) as server:
        server.xtrim(settings.stream.key, maxlen=3, approximate=False)
    with relays().reader() as reader:
        assert reader.subscribe(start)["resumed"] is False


def test_a_position_older_than_what_a_restarted_relay_read_is_reset(
    relays: StartRelay, feed: ChangeStream, publish: Publish
) -> None:
    start = feed.position().model_dump()
    publish(*({"lead": lead} for lead in range(20)))
    with relays(ring=10).reader() as reader:
        assert reader.subscribe(start)["resumed"] is False


def test_everyone_is_reset_when_unread_entries_are_trimmed(
    relays: StartRelay, publish: Publish, settings: Settings
) -> None:
    with relays(flush_ms=500).reader() as reader, client(settings) as server:
        reader.subscribe()
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)
        # The relay looks again after its flush interval.
        publish(*({"lead": lead} for lead in range(2, 12)))
        server.xtrim(settings.stream.key, maxlen=3, approximate=False)
        assert reader.closing()[0] == 4010
        assert not any('"lead:11"' in text for text in reader.heard)


def test_a_position_from_a_future_that_the_stream_lost_is_reset(relay: RelayServer, feed: ChangeStream) -> None:
    future = {"epoch": feed.position().epoch, "id": "99999999999999-0"}
    with relay.reader() as reader:
        assert reader.subscribe(future)["resumed"] is False


def test_a_resume_of_more_keys_than_may_wait_is_refused(relays: StartRelay, publish: Publish) -> None:
    relay = relays(pending_limit=50)
    with relay.reader() as reader:
        start = reader.subscribe()["position"]
        publish(*({"lead": lead} for lead in range(60)))
        reader.changes_until("lead:59", 1)
        assert reader.subscribe(start)["resumed"] is False


def test_everyone_is_reset_when_the_stream_is_flushed(
    relay: RelayServer, feed: ChangeStream, publish: Publish, settings: Settings
) -> None:
    with relay.reader() as reader:
        position = reader.subscribe()["position"]
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)
        with client(settings) as server:
            server.flushdb()
        assert reader.closing()[0] == 4010
    with relay.reader() as reader:
        told = reader.subscribe(position)
        assert (told["resumed"], told["position"]) == (False, feed.position().model_dump())


def test_an_entry_of_another_epoch_resets_before_it_is_sent(
    relay: RelayServer, publish: Publish, settings: Settings
) -> None:
    with relay.reader() as reader, client(settings) as server:
        reader.subscribe()
        server.delete(settings.stream.key, f"{settings.stream.key}:epoch")
        publish({"lead": 1, "rev": 77})
        assert reader.closing()[0] == 4010
        assert not any('"rev":77' in text for text in reader.heard)


def test_everyone_is_reset_when_the_stream_is_set_back(
    relay: RelayServer, publish: Publish, settings: Settings
) -> None:
    publish({"lead": 1}, {"lead": 2})
    with relay.reader() as reader, client(settings) as server:
        reader.subscribe()
        (older, fields), *_ = server.xrange(settings.stream.key)
        server.delete(settings.stream.key)
        server.xadd(settings.stream.key, fields, id=older)
        assert reader.closing()[0] == 4010


def test_a_redis_that_comes_back_heals_without_loss(relays: StartRelay, publish: Publish, settings: Settings) -> None:
    relay = relays(heartbeat_s=0.1)
    with relay.reader() as reader, client(settings) as server:
        reader.subscribe()
        publish({"lead": 1, "rev": 1})
        reader.changes_until("lead:1", 1)
        for number in range(2, 6):
            server.client_kill_filter(_type="normal", skipme=True)
            publish({"lead": 1, "rev": number})
        assert revisions(reader.changes_until("lead:1", 5)) == {"lead:1": 5}
        assert eventually(lambda: "away_s" not in reader.next("heartbeat"))


def test_a_heartbeat_says_how_far_it_is_and_that_the_feed_is_there(
    relays: StartRelay, publish: Publish, feed: ChangeStream
) -> None:
    with relays(heartbeat_s=0.1).reader() as reader:
        reader.subscribe()
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)
        assert reader.next("heartbeat") == {"t": "heartbeat", "position": feed.position().model_dump()}


def test_ping_is_answered(relay: RelayServer, feed: ChangeStream) -> None:
    with relay.reader() as reader:
        reader.subscribe()
        reader.say(t="ping")
        assert reader.next("heartbeat")["position"] == feed.position().model_dump()


def test_a_new_subscription_replaces_the_one_before(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader:
        reader.subscribe(leads=["1"])
        reader.subscribe(leads=["2"])
        publish({"lead": 1}, {"lead": 2})
        assert revisions([reader.next("changes")]) == {"lead:2": 1}


def test_a_dropped_reader_is_forgotten(relay: RelayServer) -> None:
    with relay.reader() as reader:
        reader.subscribe()
        dropped(reader)
    eventually(lambda: relay.registry.get_sample_value("service6_relay_sockets", {"role": "admin"}) == 0.0)
