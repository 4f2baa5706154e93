"""Who is let in, how many, how large a message may be, and how the relay says no."""

import json
import logging
import time
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from schemas.access import Role
from tests.integration.feed.conftest import Publish, Reader, RelayServer, StartRelay
from tests.support.waiting import eventually


def ending(reader: Reader) -> tuple[int, str]:
    """The close code and the type of the error before it."""
    code, _ = reader.closing()
    last = json.loads(reader.heard[-1])
    assert last["t"] == "error"
    return code, last["type"]


def refused(relay: RelayServer, **options: object) -> int:
    """The HTTP status that the handshake is refused with."""
    with pytest.raises(InvalidStatus) as caught, relay.stranger(**options):
        pass
    return caught.value.response.status_code


def test_a_token_in_the_first_message_lets_in(relay: RelayServer) -> None:
    with relay.stranger() as reader:
        reader.say(t="auth", token=relay.token(Role.AGENT, owners=("ann",)))
        ready = reader.next("ready")
    assert (ready["role"], ready["heartbeat_s"]) == ("agent", 20.0)


def test_a_token_in_the_header_lets_in(relay: RelayServer) -> None:
    with relay.stranger(additional_headers={"Authorization": f"Bearer {relay.token()}"}) as reader:
        assert reader.next("ready")["role"] == "admin"


def test_a_token_in_the_query_lets_nobody_in_and_is_not_logged(
    relays: StartRelay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    relay = relays(auth_timeout_s=0.2)
    token = relay.token()
    with relay.stranger(f"?token={token}") as reader:
        assert ending(reader) == (4000, "auth_timeout")
    ours = [record for record in caplog.records if not record.name.startswith("websockets.client")]
    assert token not in "".join(record.getMessage() for record in ours)


def test_silence_is_ended(relays: StartRelay) -> None:
    with relays(auth_timeout_s=0.2).stranger() as reader:
        assert ending(reader) == (4000, "auth_timeout")


def test_an_expired_token_is_told_from_a_forged_one(relay: RelayServer) -> None:
    with relay.stranger() as reader:
        reader.say(t="auth", token=relay.token(seconds=-1))
        assert ending(reader) == (4001, "expired")
    with relay.stranger() as reader:
        token = relay.token()
        reader.say(t="auth", token=f"{token[:-4]}AAAA")
        assert ending(reader) == (4003, "refused")
        assert token[:-4] not in "".join(reader.heard)


def test_a_socket_ends_when_its_token_expires(relay: RelayServer) -> None:
    with relay.stranger() as reader:
        reader.say(t="auth", token=relay.token(seconds=1.5))
        reader.next("ready")
        began = time.monotonic()
        assert ending(reader) == (4001, "expired")
        # JWT counts in whole seconds.
        assert 0.3 < time.monotonic() - began < 1.6


def test_a_fresh_token_keeps_the_socket(relay: RelayServer, publish: Publish) -> None:
    with relay.stranger() as reader:
        reader.say(t="auth", token=relay.token(seconds=1.5))
        before = reader.next("ready")["expires_at"]
        reader.subscribe()
        reader.say(t="auth", token=relay.token(seconds=60))
        assert reader.next("ready")["expires_at"] > before
        time.sleep(1.6)  # past the first token's end: that nothing happens then is the point
        publish({"lead": 1})
        reader.changes_until("lead:1", 1)


@pytest.mark.parametrize(
    ("role", "sub", "owners"),
    [(Role.AGENT, "ann", ("ann",)), (Role.VIEWER, "bob", ()), (Role.ADMIN, "ann", ())],
    ids=["owners", "user", "role"],
)
def test_another_readers_token_does_not_take_over_a_socket(
    relay: RelayServer, role: Role, sub: str, owners: tuple[str, ...]
) -> None:
    with relay.reader(Role.VIEWER if role is not Role.AGENT else Role.AGENT) as reader:
        reader.say(t="auth", token=relay.token(role, sub=sub, owners=owners))
        assert ending(reader) == (4003, "other_reader")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        '{"t":"publish"}',
        '{"t":"ping","more":1}',
        '{"t":"subscribe","topics":[]}',
        '{"t":"subscribe","topics":["secrets"]}',
        '{"t":"subscribe","topics":["leads"],"leads":["../1"]}',
        '{"t":"subscribe","topics":["leads"],"position":{"epoch":"e","id":"1"}}',
        b"binary",
    ],
)
def test_what_is_not_in_the_protocol_ends_the_socket(relay: RelayServer, text: str | bytes) -> None:
    with relay.reader() as reader:
        reader.socket.send(text)
        assert ending(reader) == (4000, "unknown_message")


def test_subscribing_before_authentication_ends_the_socket(relay: RelayServer) -> None:
    with relay.stranger() as reader:
        reader.say(t="subscribe", topics=["leads"])
        assert ending(reader) == (4000, "auth_expected")


def test_a_message_may_be_as_long_as_the_limit_and_no_longer(relay: RelayServer) -> None:
    limit = relay.settings.relay.message_limit
    with relay.reader() as reader:
        reader.socket.send('{"t":"ping"}'.ljust(limit))
        reader.next("heartbeat")
        reader.socket.send('{"t":"ping"}'.ljust(limit + 1))
        assert reader.closing()[0] == 1009


def test_sockets_are_capped(relays: StartRelay) -> None:
    relay = relays(sockets=2)
    with relay.reader() as first, relay.reader(sub="bob"):
        assert refused(relay) == 503
        first.socket.close()
        eventually(lambda: _comes_in(relay))


def header(relay: RelayServer, **claims: Any) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {relay.token(**claims)}"}}


def test_the_oldest_stranger_makes_room_and_readers_are_none(relays: StartRelay) -> None:
    relay = relays(sockets_before_auth=2)
    with ExitStack() as stack:
        for number in range(3):
            stack.enter_context(relay.reader(sub=f"user{number}"))
        first, second = (stack.enter_context(relay.stranger()) for _ in range(2))
        third = stack.enter_context(relay.stranger())
        assert ending(first) == (1012, "crowded_out")
        for patient in (second, third):
            patient.say(t="auth", token=relay.token(sub="late"))
            patient.next("ready")


def test_a_good_token_in_the_header_is_no_stranger(relays: StartRelay) -> None:
    relay = relays(sockets_before_auth=2)
    with ExitStack() as stack:
        strangers = [stack.enter_context(relay.stranger()) for _ in range(2)]
        for number in range(3):
            known = stack.enter_context(relay.stranger(**header(relay, sub=f"user{number}")))
            known.next("ready")
        strangers[0].say(t="auth", token=relay.token())
        strangers[0].next("ready")


@pytest.mark.parametrize("seconds", [600, -1])
def test_a_token_in_the_header_that_is_no_good_is_a_stranger(relays: StartRelay, seconds: float) -> None:
    relay = relays(sockets_before_auth=1)
    with relay.stranger() as silent:
        token = relay.token(seconds=seconds)[: None if seconds < 0 else -4]
        with relay.stranger(additional_headers={"Authorization": f"Bearer {token}"}) as bad:
            assert ending(bad)[0] in (4001, 4003)
        assert ending(silent) == (1012, "crowded_out")


def test_readers_never_make_room(relays: StartRelay) -> None:
    relay = relays(sockets=2, sockets_before_auth=2)
    with relay.reader() as first, relay.reader(sub="bob"):
        assert refused(relay) == 503
        assert refused(relay, **header(relay, sub="cid")) == 503
        first.say(t="ping")
        first.next("heartbeat")


def test_in_a_full_relay_a_stranger_makes_room_for_who_is_known(relays: StartRelay) -> None:
    relay = relays(sockets=2)
    with relay.reader(), relay.stranger() as silent:
        with relay.stranger(**header(relay, sub="bob")) as known:
            known.next("ready")
            assert ending(silent) == (1012, "crowded_out")
        eventually(lambda: _comes_in(relay))


def test_sockets_per_user_are_capped(relays: StartRelay) -> None:
    relay = relays(sockets_per_user=2)
    with relay.reader() as first, relay.reader(), relay.reader(sub="bob"):
        with relay.stranger() as third:
            third.say(t="auth", token=relay.token())
            assert ending(third) == (4003, "too_many_sockets")
        first.socket.close()
        eventually(lambda: _comes_in(relay))


def _comes_in(relay: RelayServer) -> bool:
    try:
        with relay.stranger() as reader:
            reader.say(t="auth", token=relay.token())
            return json.loads(reader.socket.recv(timeout=5))["t"] == "ready"
    except InvalidStatus:
        return False


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_pages_of_other_origins_are_refused(relay: RelayServer, origin: str) -> None:
    assert refused(relay, origin=origin) == 403


def test_our_own_page_and_listed_ones_are_let_in(relays: StartRelay) -> None:
    relay = relays(origins=("https://crm.example",))
    for origin in (f"http://{relay.address}", f"https://{relay.address}", "https://crm.example"):
        with relay.reader(origin=origin):
            pass
