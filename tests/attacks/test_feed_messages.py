"""One dashboard that talks without end: the others, and webhooks, must not feel it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.frames import Opcode

from pipeline.redis_store import redis_client
from pipeline.redis_store.change_stream import ChangeStream
from pipeline.settings.loader import Settings
from tests.attacks.feed_wire import closing, fill, frame, hear, loop, reader, say, stranger
from tests.support.serving import Api, api

SLICE_LEADS = range(1, 5001)
WATCHED = [str(lead) for lead in range(1, 1001)]
START = {"id": "0-0"}
WEBHOOKS = 20
SOCKETS = 4
BEAT_S = 0.5


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with redis_client.connect(place.redis_url) as client:
        stream = ChangeStream(client, place.stream.key, place.stream.length)
        # As much as the ring holds, so that a resume costs what it can cost.
        fill(stream, scores=15_000, slices=40, leads=SLICE_LEADS)
        START["epoch"] = stream.position().epoch
    with api(place, SERVICE6_RELAY__HEARTBEAT_S=str(BEAT_S)) as running:
        yield running


def text(**message: object) -> bytes:
    return frame(json.dumps(message).encode())


def loops() -> dict[str, bytes]:
    """What is sent again and again; built late, because the epoch is known late."""
    resume = {"t": "subscribe", "topics": ["leads", "runs"], "watch": WATCHED, "position": START}
    return {
        "watch": text(t="watch", leads=WATCHED) + text(t="watch", leads=[]),
        "resume": text(**resume),
        "subscribe": text(t="subscribe", topics=["leads"], leads=WATCHED[:500]),
        "ping": text(t="ping"),
        "ping frames": frame(b"", Opcode.PING) * 1000,
        "pong frames": frame(b"", Opcode.PONG) * 1000,
    }


def webhook_s(served: Api) -> float:
    """The median time that a webhook takes."""
    taken = []
    for number in range(WEBHOOKS):
        began = time.monotonic()
        assert served.tell(f"lead{number}", budget=number).status_code == 202
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


@pytest.mark.parametrize("kind", ["watch", "resume", "subscribe", "ping", "ping frames", "pong frames"])
def test_a_loop_of_messages_delays_neither_webhooks_nor_others_heartbeats(served: Api, kind: str) -> None:
    quiet_s = webhook_s(served)
    said = loops()[kind]
    with ExitStack() as stack:
        # Heard later: a full queue would keep the answers to its own pings waiting.
        other = stack.enter_context(reader(served.url, served.settings, "other", max_queue=None))
        say(other, t="subscribe", topics=["leads"])
        hear(other, "subscribed")
        for _ in range(SOCKETS):
            loud = stack.enter_context(reader(served.url, served.settings, f"loud {kind}", max_queue=None))
            say(loud, t="subscribe", topics=["leads", "runs"], watch=[])
            hear(loud, "subscribed")
            stack.enter_context(loop(loud, said))
        hear(other, "heartbeat")
        began = time.monotonic()
        # Another test may take both cores for a moment; a loop that delays webhooks delays them each time.
        loud_s = min(webhook_s(served) for _ in range(3))
        beats = int((time.monotonic() - began) / BEAT_S)
        for _ in range(beats // 4):
            hear(other, "heartbeat")
        assert loud_s < 8 * quiet_s + 0.1, f"{loud_s:.3f} s against {quiet_s:.3f} s"


def test_who_does_not_stop_is_sent_away_with_a_reason_and_a_time(place: Settings) -> None:
    with (
        api(place, "impatient", SERVICE6_RELAY__SLOW_AFTER_S="1") as served,
        reader(served.url, place, "loud") as loud,
    ):
        said = text(t="ping") * 50
        for _ in range(10):
            loud.socket.sendall(said)
        code, reason = closing(loud)
        assert code == 4000
        assert reason == "too_many_messages; retry-after=30.0"


def test_a_page_that_scrolls_fast_is_not_slowed(served: Api) -> None:
    """As it is opened, and then five lists a second for a while."""
    with reader(served.url, served.settings, "page") as page:
        say(page, t="subscribe", topics=["leads", "runs"], watch=WATCHED[:60])
        hear(page, "subscribed")
        began = time.monotonic()
        for number in range(30):
            say(page, t="watch", leads=WATCHED[number : number + 60])
        say(page, t="ping")
        hear(page, "heartbeat")
        assert time.monotonic() - began < 5


def test_of_lists_that_come_too_fast_the_newest_counts(served: Api) -> None:
    """The budget of lists is used up first; then an older list must not outlive a newer one."""
    with reader(served.url, served.settings, "hasty") as hasty:
        say(hasty, t="subscribe", topics=["leads", "runs"], watch=[])
        hear(hasty, "subscribed")
        burst = int(served.settings.relay.user_replays_burst)
        for _ in range(burst):
            say(hasty, t="watch", leads=[])
        for lead in WATCHED[:10]:
            say(hasty, t="watch", leads=[lead])
        heard: list[str] = []
        while "lead:10" not in heard:
            heard += [event["key"] for event in hear(hasty, "changes")["events"]]
        assert len(heard) < 6  # of ten lists


@pytest.mark.parametrize("size", [16_385, 60_000])
def test_a_message_that_is_too_large_ends_the_socket_only(served: Api, size: int) -> None:
    with reader(served.url, served.settings, "large") as large, reader(served.url, served.settings, "calm") as calm:
        large.socket.sendall(frame(b" " * size))
        assert closing(large)[0] == 1009
        say(calm, t="ping")
        hear(calm, "heartbeat")


@pytest.mark.parametrize("part", [b"", b" " * 100])
def test_a_message_of_endless_fragments_ends_the_socket(served: Api, part: bytes) -> None:
    with reader(served.url, served.settings, "fragments") as endless:
        endless.socket.sendall(frame(b"{", final=False) + frame(part, Opcode.CONT, final=False) * 300)
        assert closing(endless)[0] == 1009


def test_frames_before_a_token_are_bounded_too(served: Api) -> None:
    with stranger(served.url) as silent, loop(silent, frame(b"", Opcode.PING) * 1000):
        quiet_s = webhook_s(served)
        assert quiet_s < 1.0
