"""A socket that reads slowly: it conflates, delays nobody, and is closed when it stays slow."""

import pytest

from tests.integration.feed.conftest import Publish, RelayServer, StartRelay
from tests.integration.feed.slow import KEYS, ROUNDS, flood, sleeper
from tests.support.waiting import eventually
from workers.relay.frames import CLOSE_S


@pytest.fixture
def patient(relays: StartRelay) -> RelayServer:
    return relays(slow_after_s=60, buffer_limit=32_768)


def test_a_slow_reader_ends_with_the_latest_state_and_others_do_not_wait(
    patient: RelayServer, publish: Publish
) -> None:
    with sleeper(patient) as slow, patient.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        flood(publish)
        quick.changes_until(f"lead:{KEYS - 1}", ROUNDS)
        publish({"lead": 1000})
        seen = [event for batch in slow.changes_until("lead:1000", 1) for event in batch["events"]]
    newest = {event["key"]: event["rev"] for event in seen}
    assert newest == {**{f"lead:{lead}": ROUNDS for lead in range(KEYS)}, "lead:1000": 1}
    assert len(seen) < KEYS * ROUNDS / 2
    assert patient.metric("relay_conflated_total") > KEYS * ROUNDS / 2


def test_a_late_older_revision_does_not_replace_a_newer_one_that_waits(patient: RelayServer, publish: Publish) -> None:
    with sleeper(patient) as slow, patient.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        flood(publish, range(1, 20))
        publish({"lead": 1, "rev": 100})
        quick.changes_until("lead:1", 100)
        publish({"lead": 1, "rev": 99})
        quick.changes_until("lead:1", 99)
        publish({"lead": 1000})
        seen = [event for batch in slow.changes_until("lead:1000", 1) for event in batch["events"]]
    revs = [event["rev"] for event in seen if event["key"] == "lead:1"]
    assert revs[-1] == 100
    assert 99 not in revs


def test_what_waits_is_written_when_there_is_room_though_nothing_new_comes(
    patient: RelayServer, publish: Publish
) -> None:
    with sleeper(patient) as slow, patient.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        flood(publish, range(1, 20))
        quick.changes_until(f"lead:{KEYS - 1}", 19)
        slow.changes_until(f"lead:{KEYS - 1}", 19)


def test_positions_of_a_slow_reader_are_safe(patient: RelayServer, publish: Publish) -> None:
    with sleeper(patient) as slow, patient.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        flood(publish, keys=100, rounds=range(1, 6))
        quick.changes_until("lead:99", 5)
        batches = slow.changes_until("lead:99", 5)
    everything = {f"lead:{lead}": 5 for lead in range(100)}
    known: dict[str, int] = {}
    for batch in batches:
        known |= {event["key"]: event["rev"] for event in batch["events"]}
        with patient.reader() as again:
            assert again.subscribe(batch["position"])["resumed"]
            publish({"lead": 1000})
            rest = [event for more in again.changes_until("lead:1000", 1) for event in more["events"]]
        newest = known | {event["key"]: event["rev"] for event in rest}
        assert everything.items() <= newest.items()


def test_a_socket_that_stays_slow_is_closed(relays: StartRelay, publish: Publish) -> None:
    relay = relays(slow_after_s=0.3, buffer_limit=32_768)
    with sleeper(relay) as slow:
        slow.subscribe()
        flood(publish)
        eventually(lambda: relay.metric("relay_slow_closes_total") == 1)
        assert slow.closing()[0] == 4008


def test_a_socket_for_which_too_much_waits_is_closed(relays: StartRelay, publish: Publish) -> None:
    relay = relays(pending_limit=50, buffer_limit=32_768)
    with sleeper(relay) as slow:
        slow.subscribe()
        flood(publish, range(1, 2), keys=200)
        eventually(lambda: relay.metric("relay_slow_closes_total") == 1)
        assert slow.closing()[0] == 4008


def test_a_peer_that_never_reads_is_cut_off(relays: StartRelay, publish: Publish) -> None:
    relay = relays(slow_after_s=0.3, buffer_limit=32_768)
    with sleeper(relay) as slow:
        slow.subscribe()
        flood(publish)
        eventually(lambda: relay.metric("relay_slow_closes_total") == 1)
        eventually(lambda: relay.connections == 0, within_s=2 * CLOSE_S)
