"""The group commit: whoever waits is answered, and a bad row fails alone."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.keep import GroupCommit


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
        commit = GroupCommit(write, inline=inline)
        waits = [*pauses, *[False] * len(rows)]
        tasks = [one(commit, row, wait) for row, wait in zip(rows, waits, strict=False)]
        return await asyncio.wait_for(asyncio.gather(*tasks), 5)

    answers = asyncio.run(everyone())

    assert answers == [row not in bad for row in rows]
    assert sorted(stored) == sorted(row for row in rows if row not in bad)


def test_concurrent_rows_share_a_commit():
    groups: list[int] = []
    commit = GroupCommit[int](lambda rows: groups.append(len(rows)), inline=True)

    async def everyone() -> None:
        await asyncio.gather(*(commit.put(n) for n in range(32)))

    asyncio.run(everyone())

    assert groups == [32]


@pytest.mark.parametrize("inline", [True, False])
def test_a_caller_that_went_away_does_not_stop_the_others(inline):
    async def everyone() -> None:
        commit = GroupCommit[int](lambda rows: None, inline=inline)
        gone = asyncio.ensure_future(commit.put(1))
        stays = asyncio.ensure_future(commit.put(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait_for(stays, 5)

    asyncio.run(everyone())
