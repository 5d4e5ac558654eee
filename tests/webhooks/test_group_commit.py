"""The group commit answers every waiting request, and a bad row fails alone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.engine import faults
from webhooks.group_commit import GroupCommit


def on_loop(write: Callable[[Sequence[int]], object]) -> Callable[[Sequence[int]], Awaitable[None]]:
    async def at_once(rows: Sequence[int]) -> None:
        write(rows)

    return at_once


def take(rows: Sequence[int]) -> None:
    """Keep everything."""


def refuse(rows: Sequence[int]) -> None:
    raise faults.passing_fault("BEGIN IMMEDIATE", Exception("database is locked"))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.integers(0, 50), max_size=60),
    bad=st.sets(st.integers(0, 50), max_size=5),
    inline=st.booleans(),
    pauses=st.lists(st.booleans(), max_size=60),
)
def test_every_put_is_answered_and_only_bad_rows_fail(rows, bad, inline, pauses):
    stored: list[int] = []

    def write(group: Sequence[int]) -> None:
        if any(row in bad for row in group):
            raise ValueError("spoilt")
        stored.extend(group)

    async def one(commit: GroupCommit[int], row: int, pause: bool) -> bool:
        if pause:
            await asyncio.sleep(0)
        try:
            await commit.put(row)
        except ValueError:
            return False
        return True

    async def everyone() -> list[bool]:
        commit = GroupCommit(on_loop(write if inline else refuse), write, 60)
        waits = [*pauses, *[False] * len(rows)]
        tasks = [one(commit, row, wait) for row, wait in zip(rows, waits, strict=False)]
        return await asyncio.wait_for(asyncio.gather(*tasks), 5)

    answers = asyncio.run(everyone())

    assert answers == [row not in bad for row in rows]
    assert sorted(stored) == sorted(row for row in rows if row not in bad)


def test_the_loop_goes_on_while_rows_wait_for_another_writer():
    free = threading.Event()

    def patiently(rows: Sequence[int]) -> None:
        assert free.wait(5)

    async def everyone() -> None:
        commit = GroupCommit[int](on_loop(refuse), patiently, 60)
        waiting = asyncio.gather(*(commit.put(n) for n in range(3)))
        await asyncio.sleep(0.05)  # the loop would not come by here if it waited itself
        assert not waiting.done()
        free.set()
        await asyncio.wait_for(waiting, 5)

    asyncio.run(everyone())


def test_concurrent_rows_share_a_commit():
    groups: list[int] = []
    commit = GroupCommit[int](on_loop(lambda rows: groups.append(len(rows))), refuse, 60)

    async def everyone() -> None:
        await asyncio.gather(*(commit.put(n) for n in range(32)))

    asyncio.run(everyone())

    assert groups == [32]


@pytest.mark.parametrize("inline", [True, False])
def test_a_caller_that_went_away_does_not_stop_the_others(inline):
    async def everyone() -> None:
        commit = GroupCommit[int](on_loop(take if inline else refuse), take, 60)
        gone = asyncio.ensure_future(commit.put(1))
        stays = asyncio.ensure_future(commit.put(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait_for(stays, 5)

    asyncio.run(everyone())


def test_a_request_that_gave_up_during_a_commit_is_not_kept_or_written():
    kept: list[int] = []
    free = asyncio.Event()

    async def hang(rows: Sequence[int]) -> None:
        await free.wait()
        kept.extend(rows)

    async def everyone() -> None:
        commit = GroupCommit[int](hang, refuse, 60)
        first = asyncio.ensure_future(commit.put(1))
        await asyncio.sleep(0.01)
        for number in range(2, 50):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(commit.put(number), 0.001)
        free.set()
        await asyncio.wait_for(asyncio.gather(first, commit.put(50)), 5)

    asyncio.run(everyone())
    assert kept == [1, 50]
