"""The ring gives all that came after a position, or says that it cannot."""

import orjson

from pipeline.redis_store.change_stream import StreamArrival
from tests.support.feed import scored
from workers import publisher
from workers.relay.feed_changes import FeedChange, ScoreChange
from workers.relay.replay_buffer import ReplayBuffer


def change(order: int) -> FeedChange:
    entry = publisher.entry(scored())
    return ScoreChange(StreamArrival((order, 0), "e", entry.event, entry.routing), orjson.loads(entry.event))


def orders(found: list[FeedChange] | None) -> list[int] | None:
    return None if found is None else [one.order[0] for one in found]


def test_all_that_came_after() -> None:
    ring = ReplayBuffer(10, (0, 0), [change(order) for order in (1, 2, 3)])
    assert [orders(ring.after((order, 0))) for order in range(5)] == [[1, 2, 3], [2, 3], [3], [], []]


def test_what_fell_out_raises_the_floor() -> None:
    ring = ReplayBuffer(2, (0, 0), [change(order) for order in (1, 2, 3)])
    assert [orders(ring.after((order, 0))) for order in range(4)] == [None, [2, 3], [3], []]


def test_what_was_trimmed_before_it_began_is_not_known() -> None:
    ring = ReplayBuffer(10, (5, 0), [change(6)])
    assert [orders(ring.after((order, 0))) for order in (4, 5, 6)] == [None, [6], []]
