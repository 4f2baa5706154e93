"""Who gets which change, in which order, and what waits for a socket without room."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from pipeline.errors import TryAgain
from pipeline.metrics import Metrics
from pipeline.redis_store.change_stream import START, StreamArrival, position
from pipeline.settings.sections import RelaySettings
from schemas.access import Claims, Role
from schemas.feed import Topic
from tests.support.feed import scored
from workers import publisher
from workers.relay.feed_changes import FeedChange, ScoreChange
from workers.relay.frames import Frame
from workers.relay.hub import Hub
from workers.relay.subscriber import FRAME_BYTES, Subscriber

EPOCH = "e"
_orders = count(1)


class Paper:
    """A socket whose room the test decides."""

    def __init__(self) -> None:
        self.room = True
        self.messages: list[dict[str, Any]] = []
        self.code: int | None = None

    def write(self, frame: Frame) -> bool:
        if self.room:
            self.messages.append(orjson.loads(frame.payload))
        return self.room

    def end(self, code: int, reason: str) -> None:
        self.code = code

    async def ended(self) -> None: ...

    def watch(self, **_: object) -> None: ...

    @property
    def revisions(self) -> list[tuple[str, int]]:
        return [(e["key"], e["rev"]) for m in self.messages if m["t"] == "changes" for e in m["events"]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def hub(metrics: Metrics) -> Hub:
    settings = RelaySettings(
        auth_timeout_s=5,
        heartbeat_s=20,
        flush_ms=25,
        ring=100,
        message_limit=1,
        buffer_limit=1,
        slow_after_s=10,
        pending_limit=50,
        sockets=1,
        sockets_per_user=1,
        sockets_before_auth=1,
        drain_s=1,
    )
    hub = Hub(settings, metrics)
    hub.begin(position(EPOCH, START), START, ())
    return hub


Join = Callable[..., tuple[Paper, Subscriber]]


@pytest.fixture
def join(hub: Hub, metrics: Metrics) -> Join:
    def joined(
        role: Role = Role.ADMIN, owners: tuple[str, ...] = (), leads: list[str] | None = None
    ) -> tuple[Paper, Subscriber]:
        paper = Paper()
        claims = Claims(sub="ann", role=role, owners=owners, sid="s", expires_at=datetime.now(UTC) + timedelta(hours=1))
        subscriber = Subscriber(paper, claims, metrics, topics=[Topic.LEADS], leads=leads, pending_limit=50)
        hub.join(subscriber, None, 0.0)
        subscriber.open = True
        return paper, subscriber

    return joined


def change(lead: int = 1, rev: int = 1, **more: Any) -> FeedChange:
    entry = publisher.entry(scored(lead, rev, **more))
    arrival = StreamArrival((next(_orders), 0), EPOCH, entry.event, entry.routing)
    return ScoreChange(arrival, orjson.loads(entry.event))


def tell(hub: Hub, *changes: FeedChange, now: float = 0.0) -> None:
    hub.take(changes, changes[-1].order)
    hub.flush(now)


def test_the_highest_revision_wins_within_a_flush(hub: Hub, join: Join) -> None:
    paper, _ = join()
    tell(hub, change(rev=2), change(rev=3), change(rev=1))
    assert paper.revisions == [("lead:1", 3)]


@pytest.mark.parametrize(("role", "owners"), [(Role.ADMIN, ()), (Role.AGENT, ("ann",))])
def test_the_highest_revision_waits_however_late_an_older_one_comes(
    hub: Hub, join: Join, role: Role, owners: tuple[str, ...]
) -> None:
    paper, subscriber = join(role, owners)
    paper.room = False
    for rev in (2, 3, 1):
        tell(hub, change(rev=rev, owner="ann"))
    paper.room = True
    hub.catch_up(subscriber, 0.0)
    assert paper.revisions == [("lead:1", 3)]


def test_what_waited_is_sent_in_the_streams_order_with_safe_positions(hub: Hub, join: Join) -> None:
    paper, subscriber = join()
    paper.room = False
    size = FRAME_BYTES // 2
    first, second, third = (change(lead, padding=size) for lead in (1, 2, 3))
    tell(hub, first)
    tell(hub, second, third)
    newer = change(1, 2, padding=size)
    tell(hub, newer)
    paper.room = True
    hub.catch_up(subscriber, 0.0)
    assert paper.revisions == [("lead:2", 1), ("lead:3", 1), ("lead:1", 2)]
    ends = [message["position"]["id"] for message in paper.messages]
    assert ends == [f"{third.order[0]}-0", f"{newer.order[0]}-0"]


def test_a_heartbeats_position_is_below_what_waits(hub: Hub, join: Join) -> None:
    paper, _ = join()
    sent, waiting = change(1), change(2)
    tell(hub, sent)
    paper.room = False
    tell(hub, waiting, now=15.0)
    paper.room = True
    hub.tick(20.0, None)
    assert paper.messages[-1] == {"t": "heartbeat", "position": {"epoch": EPOCH, "id": f"{sent.order[0]}-0"}}


def test_a_heartbeat_tells_that_the_feed_is_away(hub: Hub, join: Join) -> None:
    paper, _ = join()
    hub.tick(19.9, 3.5)
    assert paper.messages == []
    hub.tick(20.0, 3.5)
    assert paper.messages[-1]["away_s"] == 3.5


def test_nothing_is_sent_before_the_subscription_is_confirmed(hub: Hub, join: Join) -> None:
    paper, subscriber = join()
    subscriber.open = False
    tell(hub, change())
    assert paper.messages == []
    subscriber.open = True
    hub.catch_up(subscriber, 0.0)
    assert paper.revisions == [("lead:1", 1)]


def test_all_who_see_the_same_get_the_same_bytes(hub: Hub, join: Join) -> None:
    papers = [join(role)[0] for role in (Role.ADMIN, Role.EXECUTIVE, Role.VIEWER, Role.VIEWER)]
    tell(hub, change(1), change(2))
    admin, executive, viewer, other = (paper.messages for paper in papers)
    assert admin == executive != viewer == other


def test_a_reader_that_left_gets_nothing(hub: Hub, join: Join) -> None:
    for role, owners, leads in ((Role.ADMIN, (), None), (Role.AGENT, ("ann",), None), (Role.ADMIN, (), ["1"])):
        paper, subscriber = join(role, owners, leads)
        hub.leave(subscriber)
        tell(hub, change(owner="ann"))
        assert paper.messages == []


def test_too_much_waiting_ends_a_socket_once(hub: Hub, join: Join, metrics: Metrics) -> None:
    paper, subscriber = join()
    paper.room = False
    tell(hub, *(change(lead) for lead in range(50)))
    assert paper.code is None
    tell(hub, change(50))
    assert paper.code == 4008
    hub.catch_up(subscriber, 0.0)
    assert metrics.relay_slow_closes.collect()[0].samples[0].value == 1


def test_slow_is_who_took_nothing_for_that_long(hub: Hub, join: Join) -> None:
    paper, subscriber = join()
    paper.room = False
    tell(hub, change(1), now=1.0)
    hub.tick(10.9, None)
    assert paper.code is None
    paper.room = True
    hub.catch_up(subscriber, 10.9)
    paper.room = False
    tell(hub, change(2), now=12.0)
    hub.tick(21.9, None)
    assert paper.code is None
    hub.tick(22.0, None)
    assert paper.code == 4008


def test_before_the_first_reading_nobody_can_join(metrics: Metrics, hub: Hub, join: Join) -> None:
    _, subscriber = join()
    with pytest.raises(TryAgain):
        Hub(hub._settings, metrics).join(subscriber, None, 0.0)
