"""A relay that stops ends its tasks, whatever they do with a cancellation."""

import asyncio
from contextlib import suppress

from workers.relay.app import end


def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def ended() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(end(task), 5)
        assert task.cancelled()

    asyncio.run(ended())


def test_a_task_that_has_ended_already_is_left_alone() -> None:
    async def ended() -> None:
        task = asyncio.create_task(asyncio.sleep(0))
        await task
        await end(task)

    asyncio.run(ended())
