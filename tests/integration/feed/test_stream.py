"""The stream in Redis: what an epoch and a position promise."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from pipeline.errors import TryAgain
from pipeline.redis_store import change_stream, redis_client
from pipeline.redis_store.change_stream import ChangeStream, ChangeStreamReader, StreamArrival, StreamEntry
from pipeline.settings.loader import Settings

KEY = "changes"


@pytest.fixture
def server(redis_db: str) -> "Iterator[redis.Redis]":
    with redis_client.connect(redis_db) as client:
        yield client


@pytest.fixture
def written(server: "redis.Redis") -> ChangeStream:
    return ChangeStream(server, KEY, 10_000)


def append(written: ChangeStream, count: int) -> None:
    written.append([StreamEntry(b'{"number":%d}' % number, b"{}") for number in range(count)])


def read(url: str, after: change_stream.StreamOrder, *, count: int = 1000) -> list[StreamArrival]:
    async def once() -> list[StreamArrival]:
        async with redis_client.connect_async(url) as client:
            return await ChangeStreamReader(client, KEY).read(after, count=count, block_ms=1)

    return asyncio.run(once())


def test_entries_are_read_in_the_order_they_were_appended(written: ChangeStream, redis_db: str) -> None:
    append(written, 5)
    arrivals = read(redis_db, change_stream.START)
    assert [arrival.event for arrival in arrivals] == [b'{"number":%d}' % number for number in range(5)]
    assert {arrival.epoch for arrival in arrivals} == {written.position().epoch}
    assert arrivals == sorted(arrivals)


def test_reading_on_gives_what_comes_after(written: ChangeStream, redis_db: str) -> None:
    append(written, 5)
    third = read(redis_db, change_stream.START)[2]
    assert [arrival.event for arrival in read(redis_db, third.order)] == [b'{"number":3}', b'{"number":4}']


def test_the_newest_are_read_oldest_first(written: ChangeStream, redis_db: str) -> None:
    append(written, 2500)

    async def recent(count: int) -> tuple[list[StreamArrival], bool]:
        async with redis_client.connect_async(redis_db) as client:
            return await ChangeStreamReader(client, KEY).recent(written.position().order, count)

    newest, are_all = asyncio.run(recent(1800))
    assert (len(newest), are_all) == (1800, False)
    assert asyncio.run(recent(3000))[1]
    assert newest == read(redis_db, change_stream.START, count=3000)[-1800:]


def test_a_position_is_the_end_and_its_epoch_stays(written: ChangeStream, redis_db: str) -> None:
    first = written.position()
    append(written, 3)
    last = written.position()
    assert first.epoch == last.epoch
    assert last.order == read(redis_db, change_stream.START)[-1].order


def test_the_stream_keeps_about_its_length(server: "redis.Redis", redis_db: str) -> None:
    short = ChangeStream(server, KEY, 100)
    for _ in range(10):
        append(short, 100)
    assert 100 <= len(read(redis_db, change_stream.START)) <= 200


def test_a_flush_begins_another_epoch_and_entries_bear_it(
    written: ChangeStream, server: "redis.Redis", redis_db: str
) -> None:
    before = written.position()
    server.flushdb()
    append(written, 1)
    assert written.position().epoch != before.epoch
    assert read(redis_db, change_stream.START)[0].epoch == written.position().epoch
    assert "started over" in str(written.state().gap_after(before))


def test_a_whole_stream_has_no_gap(written: ChangeStream) -> None:
    start = written.position()
    append(written, 10)
    assert written.state().gap_after(start) is None
    assert written.state().gap_after(written.position()) is None


def test_positions_older_than_a_trimmed_stream_have_a_gap(
    written: ChangeStream, server: "redis.Redis", redis_db: str
) -> None:
    append(written, 10)
    epoch = written.position().epoch
    orders = [arrival.order for arrival in read(redis_db, change_stream.START)]
    server.xtrim(KEY, maxlen=4, approximate=False)
    gaps = [written.state().gap_after(change_stream.position(epoch, order)) for order in orders]
    # Entry 5 stands right before the first that is left; that nothing was between them cannot be known.
    assert [gap is None for gap in gaps] == [False] * 6 + [True] * 4


def test_a_stream_that_was_emptied_has_a_gap_before_its_end(written: ChangeStream, server: "redis.Redis") -> None:
    start = written.position()
    append(written, 2)
    server.xtrim(KEY, maxlen=0, approximate=False)
    assert written.state().gap_after(start)
    assert written.state().gap_after(written.position()) is None


def test_deleted_entries_are_a_gap(written: ChangeStream, server: "redis.Redis", redis_db: str) -> None:
    append(written, 4)
    epoch = written.position().epoch
    orders = [arrival.order for arrival in read(redis_db, change_stream.START)]
    server.xdel(KEY, change_stream.text(orders[2]))
    gaps = [written.state().gap_after(change_stream.position(epoch, order)) for order in orders]
    assert [gap is None for gap in gaps] == [False, False, True, True]


def test_a_stream_that_lost_its_end_has_a_gap(written: ChangeStream, server: "redis.Redis", redis_db: str) -> None:
    append(written, 4)
    position = written.position()
    (first, fields), *_ = server.xrange(KEY)
    server.delete(KEY)
    server.xadd(KEY, fields, id=first)
    assert "set back" in str(written.state().gap_after(position))


def test_positions_compare_as_numbers() -> None:
    assert change_stream.position("e", (9, 10)).order > change_stream.position("e", (9, 9)).order
    assert change_stream.position("e", (10, 0)).order > change_stream.position("e", (9, 9)).order


def test_a_hint_wakes_at_once_and_many_count_as_one(written: ChangeStream) -> None:
    with written.hints() as hints:
        for _ in range(5):
            written.hint()
        hints.wait(5)
        hints.forget()
        hints.wait(0.01)


def test_without_redis_a_hint_is_nothing_and_the_rest_may_be_tried_again(settings: Settings) -> None:
    with redis_client.connect("redis://127.0.0.1:1/0") as client:
        away = ChangeStream(client, KEY, 10)
        away.hint()
        with pytest.raises(TryAgain, match="Redis is away"):
            away.position()
        with pytest.raises(TryAgain, match="Redis is away"):
            append(away, 1)
