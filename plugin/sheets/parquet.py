"""Write tables as Parquet files, piece by piece.

The library writes into a file and knows no pieces, so it has a thread of its own, which waits until
the pieces are taken: memory holds one group of rows and a few pieces of it.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Full, Queue
from threading import Thread

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

TEXT = DataType.utf8()
MOMENT = DataType.timestamp("us", tz="UTC")
ROW_GROUP_SIZE = 10_000  # rows that are compressed together, and in memory until they are
ROWS_BATCH_SIZE = 1_000  # rows handed over at once
MAX_WAITING_CHUNKS = 16  # pieces that may wait to be taken
POLL_INTERVAL_S = 1.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Columns = Sequence[tuple[str, DataType]]


class _Pipe:
    """The file that the library writes into; `pieces` end with a None."""

    def __init__(self) -> None:
        self.pieces: Queue[bytes | None] = Queue(MAX_WAITING_CHUNKS)
        self.abandoned = False
        self.error: BaseException | None = None

    def write(self, piece: bytes) -> int:
        """Wait until there is room for a piece; it is dropped once the reader is gone."""
        self._put(bytes(piece))
        return len(piece)

    def seek(self, *place: int) -> int:
        """Refuse to seek: the library requires the method and never calls it."""
        raise NotImplementedError

    def flush(self) -> None:
        """Every piece is on its way at once."""

    def end(self) -> None:
        """No piece comes any more."""
        self._put(None)

    def _put(self, piece: bytes | None) -> None:
        while not self.abandoned:
            with suppress(Full):
                self.pieces.put(piece, timeout=POLL_INTERVAL_S)
                return


def parquet_chunks(columns: Columns, rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Rows as pieces of a Parquet file; `rows` are asked for in another thread.

    Args:
        columns: the name of each, and TEXT or MOMENT. What is None is null.
    """
    pipe = _Pipe()
    Thread(target=_write, args=(pipe, columns, rows), daemon=True).start()
    try:
        while (piece := pipe.pieces.get()) is not None:
            yield piece
    finally:
        pipe.abandoned = True
    if pipe.error is not None:
        raise pipe.error


def _write(pipe: _Pipe, columns: Columns, rows: Iterable[Sequence[object]]) -> None:
    schema = Schema([Field(name, kind) for name, kind in columns])
    reader = RecordBatchReader.from_batches(schema, _batches(pipe, schema, columns, rows))
    try:
        write_parquet(reader, pipe, compression="zstd(3)", max_row_group_size=ROW_GROUP_SIZE)  # type: ignore[arg-type]  # it asks for all that a file can do
    except BaseException as error:  # the library's panics are no Exception
        pipe.error = pipe.error or error
    pipe.end()


def _batches(
    pipe: _Pipe, schema: Schema, columns: Columns, rows: Iterable[Sequence[object]]
) -> Iterator[RecordBatch]:
    each = iter(rows)
    try:
        while not pipe.abandoned and (some := list(itertools.islice(each, ROWS_BATCH_SIZE))):
            arrays = [
                _array(values, kind)
                for values, (_, kind) in zip(zip(*some, strict=True), columns, strict=True)
            ]
            yield RecordBatch.from_arrays(arrays, schema=schema)
    except Exception as error:  # the library would tell it in words of its own
        pipe.error = error
        raise


def _array(values: Sequence[object], kind: DataType) -> Array:
    if kind is TEXT:
        return Array(values, TEXT)
    return Array([_microseconds(at) for at in values], DataType.int64()).cast(MOMENT)


def _microseconds(at: object) -> int | None:
    return (at - EPOCH) // timedelta(microseconds=1) if isinstance(at, datetime) else None
