"""The group commit. In: one row at a time, from many requests. Out: durable rows, few commits.

Whoever waits is taken when the writer is free; there is no timer. Measured at 32 connections: a
commit of its own for each request costs three times as much, and a 3 ms timer triples the delay.
Before a commit on the loop we look at the sockets once more, and again while that brings rows.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from storage import db

LARGEST = 200  # rows in a group that still waits for others

Row = TypeVar("Row")


class GroupCommit(Generic[Row]):
    """Joins the rows of concurrent requests into one call of `write`.

    `write` runs on the loop when `inline` (SQLite: well under a millisecond), else in a thread.
    A failed group is written again row by row, so that one bad row fails its own request only.
    """

    def __init__(self, write: Callable[[Sequence[Row]], object], *, inline: bool) -> None:
        self._write = write
        self._inline = inline
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._busy = False

    async def put(self, row: Row) -> None:
        """Return when the row is committed.

        Raises:
            Exception: what `write` raised for this row; the row is not stored.
        """
        if not self._busy:
            self._busy = True
            self._loop = asyncio.get_running_loop()  # a system call, so once a group
            if self._inline:
                self._loop.call_soon(self._look_again, 0, 0)
            else:
                self._task = self._loop.create_task(self._flush_in_thread())
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((row, done))
        await done

    def _look_again(self, had: int, quiet: int) -> None:
        """Flush after two turns of the loop without a new row: one reads, the next one runs it."""
        rows = len(self._waiting)
        quiet = quiet + 1 if rows == had else 0
        if quiet < 2 and rows < LARGEST:
            self._loop.call_soon(self._look_again, rows, quiet)
        else:
            self._flush_inline()

    def _flush_inline(self) -> None:
        """Write everything that the loop has read by now, then whatever came meanwhile."""
        group, self._waiting = self._waiting, []
        self._busy = False
        try:
            self._write([row for row, _ in group])
        except db.TRANSIENT as error:
            _fail_all(group, error)
        except Exception:
            for row, done in group:
                try:
                    self._write([row])
                except Exception as error:
                    _fail(done, error)
                else:
                    _finish(done)
        else:
            for _, done in group:
                _finish(done)

    async def _flush_in_thread(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, [row for row, _ in group])
            except db.TRANSIENT as error:
                _fail_all(group, error)
            except Exception:
                for row, done in group:
                    try:
                        await asyncio.to_thread(self._write, [row])
                    except Exception as error:
                        _fail(done, error)
                    else:
                        _finish(done)
            else:
                for _, done in group:
                    _finish(done)
        self._busy = False


def _fail_all(group: Sequence[tuple[Row, asyncio.Future[None]]], error: Exception) -> None:
    """The database is busy or away, for every row alike: to try each would block for each."""
    for _, done in group:
        _fail(done, error)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
