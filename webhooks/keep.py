"""The group commit. In: one row at a time, from many requests. Out: durable rows, few commits.

Whoever waits is taken when the writer is free; there is no timer. Measured at 32 connections: a
commit of its own for each request costs three times as much, and a 3 ms timer triples the delay.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

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
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, done))
        if not self._busy:
            self._busy = True
            if self._inline:
                loop.call_soon(self._flush_inline)
            else:
                self._task = loop.create_task(self._flush_in_thread())
        await done

    def _flush_inline(self) -> None:
        """Write everything that the loop has read by now, then whatever came meanwhile."""
        group, self._waiting = self._waiting, []
        self._busy = False
        try:
            self._write([row for row, _ in group])
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


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
