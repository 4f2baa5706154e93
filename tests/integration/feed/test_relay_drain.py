"""A relay that stops sends its sockets away one by one, and tells each when to come back."""

import json
import re
import time
from contextlib import ExitStack

from tests.integration.feed.conftest import Publish, RelayServer, StartRelay


def test_each_is_told_when_to_come_back(relay: RelayServer) -> None:
    with relay.reader() as reader, relay.stranger() as stranger:
        reader.subscribe()
        relay.ask_to_stop()
        for leaving in (reader, stranger):
            code, reason = leaving.closing()
            said = json.loads(leaving.heard[-1])
            assert code == 1012
            assert (said["t"], said["type"]) == ("error", "restart")
            assert re.fullmatch(rf"restart; retry-after={said['retry_after_s']:.1f}", reason)
            assert 1 <= said["retry_after_s"] <= 3


def test_goodbyes_are_spread_and_the_last_still_gets_changes(relays: StartRelay, publish: Publish) -> None:
    relay = relays(drain_s=5.0)
    with ExitStack() as stack:
        readers = [stack.enter_context(relay.reader(sub=f"user{number}")) for number in range(40)]
        for reader in readers:
            reader.subscribe()
        began = time.monotonic()
        relay.ask_to_stop()
        assert {reader.closing()[0] for reader in readers} == {1012}
        assert time.monotonic() - began > 0.3


def test_a_drain_does_not_last_longer_than_it_may(relays: StartRelay) -> None:
    relay = relays(drain_s=0.2)
    with ExitStack() as stack:
        readers = [stack.enter_context(relay.reader(sub=f"user{number}")) for number in range(40)]
        began = time.monotonic()
        relay.ask_to_stop()
        assert {reader.closing()[0] for reader in readers} == {1012}
        assert time.monotonic() - began < 2


def test_no_two_come_back_in_step(relays: StartRelay) -> None:
    relay = relays(drain_s=0.2)
    with ExitStack() as stack:
        readers = [stack.enter_context(relay.reader(sub=f"user{number}")) for number in range(40)]
        relay.ask_to_stop()
        told = [reader.closing()[1].rpartition("=")[2] for reader in readers]
    assert all(1 <= float(each) <= 3 for each in told)
    assert len(set(told)) > 8  # of 21 that there are
