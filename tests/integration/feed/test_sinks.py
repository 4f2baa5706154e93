"""Both ways to write to a socket do the same: prebuilt frames, and plain sends under any other server."""

import json

import pytest

from tests.integration.feed.conftest import Publish, RelayServer, StartRelay
from tests.integration.feed.test_relay_slow import KEYS, flood, sleeper
from tests.support.waiting import eventually


@pytest.fixture(params=[True, False], ids=["prebuilt", "plain"])
def prebuilt(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def relay(relays: StartRelay, prebuilt: bool) -> RelayServer:
    return relays(prebuilt=prebuilt, slow_after_s=60, buffer_limit=32_768)


@pytest.mark.parametrize("padding", [0, 20_000, 70_000], ids=["medium", "16 bit", "64 bit"])
def test_frames_of_any_length_arrive(relay: RelayServer, publish: Publish, padding: int) -> None:
    with relay.reader() as reader:
        reader.subscribe()
        publish({"lead": 1, "padding": padding})
        (batch,) = reader.changes_until("lead:1", 1)
    assert len(batch["events"][0]["body"]["score"]["explanation"]) > padding


def test_the_confirmation_comes_before_the_changes(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader:
        position = reader.subscribe()["position"]
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)
        reader.say(t="subscribe", topics=["leads"], leads=None, position=position)
        assert [json.loads(reader.socket.recv(timeout=5))["t"] for _ in range(2)] == ["subscribed", "changes"]


def test_a_slow_reader_ends_with_the_latest_state(relay: RelayServer, publish: Publish) -> None:
    with sleeper(relay) as slow, relay.reader() as quick:
        slow.subscribe()
        quick.subscribe()
        flood(publish, range(1, 31))
        quick.changes_until(f"lead:{KEYS - 1}", 30)
        batches = slow.changes_until(f"lead:{KEYS - 1}", 30)
    newest = {event["key"]: event["rev"] for batch in batches for event in batch["events"]}
    assert newest == {f"lead:{lead}": 30 for lead in range(KEYS)}


def test_the_farewell_comes_before_the_close(relay: RelayServer) -> None:
    with relay.reader() as reader:
        reader.say(t="nonsense")
        assert reader.closing() == (4000, "unknown_message")
    assert json.loads(reader.heard[-1])["type"] == "unknown_message"


def test_a_stalled_socket_is_cut_off(relays: StartRelay, prebuilt: bool, publish: Publish) -> None:
    relay = relays(prebuilt=prebuilt, slow_after_s=0.3, buffer_limit=32_768)
    with sleeper(relay) as slow:
        slow.subscribe()
        flood(publish, range(1, 3), keys=400)  # more than any kernel takes
        eventually(lambda: relay.metric("relay_slow_closes_total") == 1)
        eventually(lambda: relay.registry.get_sample_value("service6_relay_sockets", {"role": "admin"}) == 0.0)
