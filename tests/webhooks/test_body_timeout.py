"""Body timeouts: a body in time comes through, the others end by themselves."""

import asyncio

import pytest

from webhooks.body_timeout import BodyTimeout


def test_what_comes_in_time_comes_through_and_what_does_not_is_ended():
    async def play() -> list[object]:
        patience = BodyTimeout(0.1)

        async def in_time() -> str:
            await asyncio.sleep(0.01)
            return "here"

        waits = [
            patience.wait(in_time()),
            patience.wait(asyncio.sleep(60)),
            patience.wait(in_time()),
        ]
        return list(await asyncio.gather(*waits, return_exceptions=True))

    first, late, last = asyncio.run(asyncio.wait_for(play(), 10))
    assert (first, last) == ("here", "here")
    assert isinstance(late, TimeoutError)


def test_a_task_goes_on_after_it_gave_up_and_may_wait_again():
    async def play() -> str:
        patience = BodyTimeout(0.05)
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.sleep(60))
        await asyncio.sleep(1.5)  # the next check finds no request
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.sleep(60))
        return "still here"

    assert asyncio.run(asyncio.wait_for(play(), 10)) == "still here"


def test_a_request_cancelled_from_outside_stays_cancelled():
    async def play() -> asyncio.Task[None]:
        task = asyncio.create_task(BodyTimeout(60).wait(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task

    assert asyncio.run(asyncio.wait_for(play(), 10)).cancelled()
