"""Group commit: requests that wait share a transaction, a bad one spoils no other, the queue has bounds."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from pipeline.errors import Disturbed, GiveUp, Malformed, TryAgain
from pipeline.metrics import Metrics
from schemas.lead import LeadChange
from workers.api.errors import QueueFull
from workers.webhooks.intake import RECONNECTED, Intake


class Disk:
    """Where groups are saved: notes each, refuses some, and waits while it is held."""

    def __init__(self, refuse: dict[str, Exception] | None = None, *, once: bool = False) -> None:
        self.groups: list[list[str]] = []
        self.refuse = refuse or {}
        self.once = once
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()

    def save(self, changes: Sequence[LeadChange], _: datetime) -> list[int]:
        self.busy.set()
        self.free.wait(10)
        names = [change.external_id for change in changes]
        self.groups.append(names)
        for name in names:
            if name in self.refuse:
                raise self.refuse.pop(name) if self.once else self.refuse[name]
        return [int(name) for name in names]


@asynccontextmanager
async def running(
    disk: Disk,
    enqueued: list[int],
    *,
    requests: int = 100,
    size: int = 10_000,
    group: int = 500,
    answer_s: float = 20,
) -> AsyncIterator[Intake]:
    intake = Intake(
        disk.save,
        enqueued.extend,
        queue_requests=requests,
        queue_bytes=size,
        group_size=group,
        pace_s=0,
        answer_s=answer_s,
        metrics=Metrics(CollectorRegistry()),
    )
    await intake.start()
    try:
        yield intake
    finally:
        disk.free.set()
        await intake.stop()


def change(name: str) -> list[LeadChange]:
    return [LeadChange("standard", name, f"d{name}", datetime.now(UTC), {}, {})]


async def holding(disk: Disk, intake: Intake) -> "asyncio.Task[None]":
    """The writer is at work with request 0, so that what comes now waits."""
    disk.free.clear()
    first = asyncio.create_task(intake.submit(change("0"), 1))
    await asyncio.to_thread(disk.busy.wait, 10)
    return first


async def submitted(intake: Intake, names: Sequence[str]) -> "list[asyncio.Task[None]]":
    """They are in the queue when this returns."""
    tasks = [asyncio.create_task(intake.submit(change(name), 1)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def answers(tasks: "Sequence[asyncio.Task[None]]") -> list[BaseException | None]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def ran(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(within())


async def together(disk: Disk, enqueued: list[int], names: Sequence[str]) -> list[BaseException | None]:
    async with running(disk, enqueued) as intake:
        first = await holding(disk, intake)
        waiting = await submitted(intake, names)
        disk.free.set()
        await first
        return await answers(waiting)


def test_what_waits_while_a_group_is_saved_shares_the_next() -> None:
    async def test() -> None:
        disk, enqueued = Disk(), list[int]()
        assert await together(disk, enqueued, ["1", "2", "3"]) == [None] * 3
        assert disk.groups == [["0"], ["1", "2", "3"]]
        assert enqueued == [0, 1, 2, 3]

    ran(test)


def test_a_group_is_bounded_in_changes_and_parts_no_request() -> None:
    async def test() -> None:
        disk = Disk()
        async with running(disk, [], group=3) as intake:
            first = await holding(disk, intake)
            parts = [[one for name in names for one in change(name)] for names in ("12", "34", "5", "6789")]
            waiting = [asyncio.create_task(intake.submit(part, 1)) for part in parts]
            await asyncio.sleep(0)
            disk.free.set()
            assert await answers([first, *waiting]) == [None] * 5
        assert disk.groups == [["0"], ["1", "2", "3", "4"], ["5", "6", "7", "8", "9"]]

    ran(test)


@pytest.mark.parametrize("error", [GiveUp("refused"), Malformed("refused", pointer="/data"), ValueError("not ours")])
def test_one_bad_change_of_fifty_spoils_no_other(error: Exception) -> None:
    async def test() -> None:
        disk, enqueued = Disk({"17": error}), list[int]()
        names = [str(n) for n in range(1, 51)]
        found = await together(disk, enqueued, names)
        assert [name for name, answer in zip(names, found, strict=True) if answer is not None] == ["17"]
        assert found[16] is error
        assert sorted(enqueued) == [n for n in range(51) if n != 17]
        assert len(disk.groups) < 20  # halves, not one by one

    ran(test)


def test_one_bad_change_spoils_no_other_of_its_request() -> None:
    async def test() -> None:
        disk, enqueued = Disk({"3": GiveUp("refused")}), list[int]()
        async with running(disk, enqueued) as intake:
            await intake.submit([one for name in "12345" for one in change(name)], 1)
        assert sorted(enqueued) == [1, 2, 4, 5]

    ran(test)


@pytest.mark.parametrize(
    ("refuse", "kind"),
    [
        ({name: GiveUp(name) for name in "123"}, GiveUp),
        ({"1": GiveUp("1"), "3": TryAgain("away")}, TryAgain),
    ],
)
def test_a_request_of_which_nothing_was_saved_or_the_rest_may_be_later_is_not_accepted(
    refuse: dict[str, Exception], kind: type[Exception]
) -> None:
    async def test() -> None:
        async with running(Disk(refuse), []) as intake:
            with pytest.raises(kind):
                await intake.submit([one for name in "123" for one in change(name)], 1)

    ran(test)


def test_a_server_that_is_away_is_no_reason_to_bisect() -> None:
    async def test() -> None:
        disk = Disk({"2": TryAgain("away")})
        found = await together(disk, [], ["1", "2", "3"])
        assert [type(answer) for answer in found] == [TryAgain] * 3
        assert disk.groups[1:] == [["1", "2", "3"]] * RECONNECTED

    ran(test)


def test_a_group_that_another_transaction_disturbed_is_saved_again() -> None:
    async def test() -> None:
        disk = Disk({"1": Disturbed("inserted meanwhile")}, once=True)
        async with running(disk, []) as intake:
            await intake.submit(change("1"), 1)
        assert disk.groups == [["1"], ["1"]]

    ran(test)


@pytest.mark.parametrize("bounds", [{"requests": 2}, {"size": 2}])
def test_a_full_queue_refuses_and_takes_again_later(bounds: dict[str, int]) -> None:
    async def test() -> None:
        disk = Disk()
        async with running(disk, [], **bounds) as intake:
            first = await holding(disk, intake)
            waiting = await submitted(intake, ["1", "2"])
            with pytest.raises(QueueFull):
                await intake.submit(change("3"), 1)
            disk.free.set()
            await first
            assert await answers(waiting) == [None, None]
            await intake.submit(change("3"), 1)

    ran(test)


def test_a_client_that_went_away_harms_nobody() -> None:
    async def test() -> None:
        disk, enqueued = Disk(), list[int]()
        async with running(disk, enqueued) as intake:
            first = await holding(disk, intake)
            gone, stays = await submitted(intake, ["1", "2"])
            gone.cancel()
            disk.free.set()
            await asyncio.gather(first, stays)
            await intake.submit(change("3"), 1)
        assert enqueued == [0, 1, 2, 3]

    ran(test)


def test_a_stop_saves_and_answers_what_was_accepted() -> None:
    async def test() -> None:
        disk, enqueued = Disk(), list[int]()
        async with running(disk, enqueued) as intake:
            first = await holding(disk, intake)
            waiting = await submitted(intake, ["1", "2"])
        assert await answers(waiting) == [None, None]
        await first
        assert enqueued == [0, 1, 2]

    ran(test)


def test_what_is_not_saved_in_time_is_told_to_come_again_and_makes_room() -> None:
    """The first may be saved yet; those behind it are forgotten, because their senders send them again."""

    async def test() -> None:
        disk = Disk()
        async with running(disk, [], requests=3, answer_s=0.5) as intake:
            first = await holding(disk, intake)
            for _ in range(3):
                told = await answers([first, *await submitted(intake, ["1", "2", "3"])])
                assert [type(answer) for answer in told] == [TryAgain] * 4
            disk.free.set()
            await intake.submit(change("4"), 1)
        assert disk.groups == [["0"], ["4"]]

    ran(test)
