"""Commit rows of many concurrent requests together: each is durable, with few commits.

The writer takes all waiting rows when it is free; there is no timer. Measured at 32 connections: a
commit of its own for each request costs three times as much, and a 3 ms timer triples the delay.
Before a commit on the loop we poll the sockets once more, and again while that brings rows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from storage.engine import db

MAX_GROUP_SIZE = 200  # rows in a group that still waits for others

Row = TypeVar("Row")


class GroupCommit(Generic[Row]):
    """Join the rows of concurrent requests into one call of `at_once`.

    That runs on the loop and must not hold it up. If it fails (another writer, a lost connection, a
    bad row), `patiently` runs in a thread while the loop goes on. If that fails too, each row is
    written by itself, so that one bad row fails its own request only.
    """

    def __init__(
        self,
        at_once: Callable[[Sequence[Row]], Awaitable[object]],
        patiently: Callable[[Sequence[Row]], object],
        within_s: float,
    ) -> None:
        """
        Args:
            within_s: so long a commit may take. A row may wait for the one before its own as well.
        """
        self._at_once = at_once
        self._patiently = patiently
        self._within_s = within_s
        self._waiting: dict[asyncio.Future[None], Row] = {}
        self._busy = False

    async def put(self, row: Row) -> None:
        """Return when the row is committed. A request that is cancelled before is not written.

        Raises:
            TimeoutError: its commit took too long; the row may be stored all the same.
            Exception: what was raised for this row; the row is not stored.
        """
        if not self._busy:
            self._busy = True
            self._loop = asyncio.get_running_loop()  # a system call, so once a group
            self._task = self._loop.create_task(self._flush())
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting[done] = row
        try:
            await done
        finally:
            self._waiting.pop(done, None)

    async def _flush(self) -> None:
        while self._waiting:
            await self._look_again()
            group, self._waiting = self._waiting, {}
            if not group:  # they all went away
                break
            try:
                async with asyncio.timeout(self._within_s):
                    await self._commit(group)
            except TimeoutError as error:
                _fail_all(group, error)
        self._busy = False

    async def _commit(self, group: Mapping[asyncio.Future[None], Row]) -> None:
        try:
            await self._at_once([*group.values()])
        except Exception:  # the thread finds out which row fails
            await self._flush_in_thread(group)
        else:
            for done in group:
                _finish(done)

    async def _look_again(self) -> None:
        """Return after two turns of the loop without a new row: one reads, the next one runs it."""
        rows, quiet = len(self._waiting), 0
        while quiet < 2 and rows < MAX_GROUP_SIZE:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == rows else 0
            rows = len(self._waiting)

    async def _flush_in_thread(self, group: Mapping[asyncio.Future[None], Row]) -> None:
        try:
            await asyncio.to_thread(self._patiently, [*group.values()])
        except db.TRANSIENT as error:
            _fail_all(group, error)
        except Exception:
            for done, row in group.items():
                try:
                    await asyncio.to_thread(self._patiently, [row])
                except Exception as error:
                    _fail(done, error)
                else:
                    _finish(done)
        else:
            for done in group:
                _finish(done)


def _fail_all(group: Iterable[asyncio.Future[None]], error: Exception) -> None:
    """The database is busy or away, for every row alike: to try each would wait for each."""
    for done in group:
        _fail(done, error)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
