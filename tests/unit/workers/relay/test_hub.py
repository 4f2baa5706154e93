"""Who gets which change, in which order, and what waits for a socket without room."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry

from pipeline.errors import TryAgain
from pipeline.metrics import Metrics
from pipeline.redis_store.change_stream import START, StreamArrival, position
from pipeline.redis_store.changed_leads import ChangedLeads, pack
from pipeline.settings.sections import RelaySettings
from schemas.access import Claims, Role
from schemas.feed import Topic
from tests.support.feed import scored
from workers import publisher
from workers.relay.feed_changes import FeedChange, ScoreChange
from workers.relay.frames import Frame
from workers.relay.hub import PART, Hub
from workers.relay.slice_changes import SliceChange
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
        messages_s=1,
        messages_burst=1,
        user_messages_s=1,
        user_messages_burst=1,
        user_replays_s=1,
        user_replays_burst=1,
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
        asyncio.run(hub.join(subscriber, None, 0.0))
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
    """At once when that begins and when it ends, and in every heartbeat between."""
    paper, _ = join()
    told = [(1.0, None), (2.0, 3.5), (3.0, 4.5), (21.9, 23.4), (22.0, 23.5), (23.0, None), (24.0, None)]
    for now, away_s in told:
        hub.tick(now, away_s)
    assert [message.get("away_s") for message in paper.messages] == [3.5, 23.5, None]


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
        asyncio.run(Hub(hub._settings, metrics).join(subscriber, None, 0.0))


# A socket that missed much hears of it in parts, and the others have their turn between them.

T = TypeVar("T")


def beside(work: Coroutine[Any, Any, T], each_turn: Callable[[int], None] = lambda _: None) -> tuple[T, int]:
    """What the work returns, and how many turns another task had meanwhile."""

    async def both() -> tuple[T, int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                each_turn(turns)
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        began = turns
        result = await work
        task.cancel()
        return result, turns - began

    return asyncio.run(both())


@pytest.fixture
def wide(hub: Hub, metrics: Metrics) -> Hub:
    """A hub whose ring holds much."""
    settings = hub._settings.model_copy(update={"ring": 40 * PART})
    wide = Hub(settings, metrics)
    wide.begin(position(EPOCH, START), START, ())
    return wide


def newcomer(metrics: Metrics, pending_limit: int = 50) -> tuple[Paper, Subscriber]:
    paper = Paper()
    claims = Claims(sub="ann", role=Role.ADMIN, sid="s", expires_at=datetime.now(UTC) + timedelta(hours=1))
    subscriber = Subscriber(paper, claims, metrics, topics=[Topic.LEADS], leads=None, pending_limit=pending_limit)
    return paper, subscriber


def test_a_resume_gives_the_others_a_turn_after_each_part(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(change(number % 10, number) for number in range(20 * PART)))
    paper, subscriber = newcomer(metrics)
    (_, resumed), turns = beside(wide.join(subscriber, position(EPOCH, START), 0.0))
    assert resumed
    assert turns >= 19
    subscriber.open = True
    wide.catch_up(subscriber, 0.0)
    assert sorted(rev for _, rev in paper.revisions) == list(range(20 * PART - 10, 20 * PART))


def test_what_comes_during_a_resume_is_not_lost(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(change(1, number) for number in range(10 * PART)))
    paper, subscriber = newcomer(metrics)

    def more(turn: int) -> None:
        tell(wide, change(100 + turn % 20, turn))

    (_, resumed), turns = beside(wide.join(subscriber, position(EPOCH, START), 0.0), more)
    assert resumed
    subscriber.open = True
    wide.catch_up(subscriber, 0.0)
    assert dict(paper.revisions)["lead:1"] == 10 * PART - 1
    assert max(rev for key, rev in paper.revisions if key != "lead:1") >= turns - 1


def test_a_resume_that_the_feed_outruns_is_refused_and_ends(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(change(1, number) for number in range(2 * PART)))

    def flood(turn: int) -> None:
        tell(wide, *(change(1, number) for number in range(2 * PART)))

    _, subscriber = newcomer(metrics)
    (here, resumed), _ = beside(wide.join(subscriber, position(EPOCH, START), 0.0), flood)
    assert not resumed
    assert here == wide.position


@pytest.mark.parametrize("loss", ["trimmed", "begun anew"])
def test_a_resume_whose_past_is_lost_meanwhile_is_refused(wide: Hub, metrics: Metrics, loss: str) -> None:
    tell(wide, *(change(1, number) for number in range(10 * PART)))

    def lose(turn: int) -> None:
        if turn == 3 and loss == "begun anew":
            wide.begin(position("another", START), START, ())
        elif turn == 3:
            tell(wide, *(change(1, number) for number in range(41 * PART)))

    _, subscriber = newcomer(metrics)
    (_, resumed), _ = beside(wide.join(subscriber, position(EPOCH, START), 0.0), lose)
    assert not resumed


def test_a_resume_of_too_many_keys_stops_early(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(change(number) for number in range(20 * PART)))
    _, subscriber = newcomer(metrics)
    (_, resumed), turns = beside(wide.join(subscriber, position(EPOCH, START), 0.0))
    assert not resumed
    assert turns <= 1


def rescored(leads: range, rev: int) -> SliceChange:
    count = len(leads)
    told = pack(
        ChangedLeads(
            ids=np.array(leads, np.int64),
            revs=np.full(count, rev),
            scores=np.full(count, 50.0, np.float32),
            previous=np.full(count, 40.0, np.float32),
            tiers=np.full(count, b"A"),
            owners=np.zeros(count, np.uint16),
            names=(None,),
        )
    )
    event = {"key": "run:1", "rev": rev, "at": datetime.now(UTC).isoformat(), "body": {"leads": told}}
    return SliceChange(StreamArrival((next(_orders), 0), EPOCH, b"", b""), event)


def test_who_begins_to_watch_gives_the_others_a_turn_after_each_slice(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(rescored(range(1, 1001), rev) for rev in range(1, 31)))
    paper, subscriber = newcomer(metrics, pending_limit=2000)
    asyncio.run(wide.join(subscriber, None, 0.0))
    subscriber.open = True
    heard = []

    def look(turn: int) -> None:
        wide.tick(1000.0, None)  # a heartbeat would tell a position past what it is still to hear
        heard.append(len(paper.messages))

    _, turns = beside(wide.watch(subscriber, [str(lead) for lead in range(1, 1001)]), look)
    assert turns >= 30
    assert set(heard[2:]) == {heard[1]}
    wide.catch_up(subscriber, 0.0)
    assert dict(paper.revisions) == {f"lead:{lead}": 30 for lead in range(1, 1001)}


def test_a_run_that_goes_on_while_somebody_begins_to_watch_is_told(wide: Hub, metrics: Metrics) -> None:
    tell(wide, *(rescored(range(1, 11), rev) for rev in range(1, 31)))
    paper, subscriber = newcomer(metrics)
    asyncio.run(wide.join(subscriber, None, 0.0))
    subscriber.open = True

    def go_on(turn: int) -> None:
        if turn == 10:
            tell(wide, rescored(range(1, 6), 31))

    beside(wide.watch(subscriber, [str(lead) for lead in range(1, 11)]), go_on)
    wide.catch_up(subscriber, 0.0)
    assert dict(paper.revisions) == {f"lead:{lead}": 31 if lead < 6 else 30 for lead in range(1, 11)}
