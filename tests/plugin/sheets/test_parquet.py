"""Parquet: other readers understand it, and the writer stops once its reader is gone."""

import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest

from plugin.sheets import parquet
from plugin.sheets.parquet import MOMENT, TEXT

COLUMNS = (("name", TEXT), ("at", MOMENT))
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def read(tmp_path, pieces):
    """The columns' types and the rows, by DuckDB."""
    file = tmp_path / "table.parquet"
    file.write_bytes(b"".join(pieces))
    found = duckdb.execute("SET TimeZone = 'UTC'").execute(
        f"SELECT name, epoch_us(\"at\") FROM '{file}'"
    )
    rows = found.fetchall()
    told = duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    return {name: kind for name, kind, *_ in told}, rows


def test_texts_and_moments_come_back_as_they_were(tmp_path):
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    rows = [("=1+1", NOON), ("李雷", berlin), ("", None), (None, datetime(1999, 1, 1, tzinfo=UTC))]

    kinds, found = read(tmp_path, parquet.parquet_chunks(COLUMNS, rows))

    assert kinds == {"name": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"}
    micro = int(NOON.timestamp()) * 1_000_000 + 123456
    assert found == [("=1+1", micro), ("李雷", micro), ("", None), (None, 915_148_800_000_000)]


@pytest.mark.parametrize("count", [0, 1, parquet.ROWS_BATCH_SIZE, 2 * parquet.ROW_GROUP_SIZE + 1])
def test_p12_every_row_is_there_however_many_there_are(tmp_path, count):
    rows = ((str(n), NOON) for n in range(count))

    _, found = read(tmp_path, parquet.parquet_chunks(COLUMNS, rows))

    assert [name for name, _ in found] == [str(n) for n in range(count)]


def test_an_error_in_the_rows_is_raised_to_the_reader():
    def rows():
        yield "ana", NOON
        raise OSError("the database is gone")

    with pytest.raises(OSError, match="the database is gone"):
        list(parquet.parquet_chunks(COLUMNS, rows()))


def test_who_goes_away_half_way_leaves_no_reader_behind():
    asked, closed = [], threading.Event()

    def rows():
        try:
            for n in range(10_000_000):
                asked.append(n)
                yield f"{n * 7919 % 10_000_019}", NOON
        finally:
            closed.set()

    pieces = parquet.parquet_chunks(COLUMNS, rows())
    next(pieces)
    time.sleep(0.1)
    pieces.close()

    assert closed.wait(10)
    assert len(asked) < 10_000_000
