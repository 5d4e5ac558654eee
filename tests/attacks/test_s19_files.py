"""S19: files of a false type, files that are too large, and formulas in exports."""

import csv
import gzip
import io
import subprocess
import sys
import zipfile

import pytest

from plugin.imports import lifecycle
from plugin.sheets import encoding, files, records
from plugin.sheets.cells import csv_chunks
from plugin.sheets.problems import SheetError
from storage.imports import ImportState, ProblemCode
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

GOOD = b"first@example.com,Ann\n"
LAST = b"last@example.com,Zoe\n"
MOST_MB = 150


def zipped() -> bytes:
    """40 MB of nothing in 40 KB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("people.csv", bytes(40_000_000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (zipped(), ProblemCode.PACKED),
        (gzip.compress(b"email\n" * 1_000_000), ProblemCode.PACKED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000), ProblemCode.PACKED),  # an old workbook
        (b"%PDF-1.7\n" + bytes(5000), ProblemCode.PACKED),
        (bytes(5000), ProblemCode.BINARY),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20 + bytes(500), ProblemCode.BINARY),
        ("email\n".encode("utf-32"), ProblemCode.BINARY),
        (b" \n\t\n", ProblemCode.EMPTY),
        (b"ann@example.com,Ann\nbob@example.com,Bob\n", ProblemCode.HEADLESS),
        (b"\n\nann@example.com\n", ProblemCode.HEADLESS),
        (b"<html><table><tr><td>email</td></tr></table>", ProblemCode.MARKUP),
        (b"{\\rtf1 email}", ProblemCode.MARKUP),
        (b"email,\0name\n" + b"ann@example.com,x\n" * 20, ProblemCode.HEADLESS),
        (b"a," * 100_000 + b"\nann@example.com\n", ProblemCode.WIDE),
        (b"a," * 600 + b"\nann@example.com\n", ProblemCode.WIDE),
        (b"x" * 3_000_000, ProblemCode.WIDE),
        (b'"' + b"x\n" * 1_000, ProblemCode.HEADLESS),
    ],
)
def test_s19_a_file_that_is_no_table_is_refused_with_a_sentence_and_gone(
    shop, data_dir, body, reason
):
    held = lifecycle.begin_upload(shop.id, "people.csv", len(body))
    for at in range(0, len(body), files.MAX_PIECE_BYTES):
        lifecycle.append_upload(held, at, body[at : at + files.MAX_PIECE_BYTES])

    with pytest.raises(SheetError) as refused:
        lifecycle.finish_upload(held)

    assert refused.value.reason == reason
    assert refused.value.message.endswith(".")
    assert list(data_dir.rglob("*.csv")) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"bad\xff\xfe@example.com,x\n", ProblemCode.UNREADABLE),
        (b"caf\xc3@example.com,x\n", ProblemCode.UNREADABLE),
        (b"n\0l@example.com,x\n", ProblemCode.NUL),
        (b"x@example.com," + b"," * 100_000 + b"\n", ProblemCode.LONG),
        (b"x@example.com" + b"," * 50_000 + b"\n", ProblemCode.COLUMNS),
        (b"x@example.com," + b"y" * 5_000_000 + b"\n", ProblemCode.LONG),
        (b'"x@example.com,never closed\n', ProblemCode.OPEN),
        (b"x@example.com,one\rtwo\n", ProblemCode.UNREADABLE),
        (b"=cmd|' /C calc'!A0,x\n", ProblemCode.NO_ADDRESS),
    ],
)
def test_s19_a_bad_row_is_told_by_its_line_and_costs_no_other(shop, row, reason):
    letters = "next@example.com,é\n".encode() * 3  # most lines are good UTF-8
    held = sheet.take_in(shop, b"email,name\n" + GOOD + row + letters + LAST)

    assert held.state == ImportState.DONE
    whole = {line: why for line, place, why in sheet.flaws_of(held) if place == -1}
    assert whole == {3: reason}
    assert set(sheet.people(shop)) >= {
        "first@example.com", "next@example.com", "last@example.com",
    }  # fmt: skip
    assert held.rejected == 1


def test_s19_many_marks_that_are_never_closed_cost_their_own_rows(tmp_path):
    path = tmp_path / "marks.csv"
    plain = b"x@example.com\n" * (records.MAX_LINES_PER_ROW + 50)
    path.write_bytes((b'"open\n' + plain) * 20)

    found = list(records.read_rows(path, "utf-8", ","))

    assert sum(row.flaw == ProblemCode.OPEN for row in found) == 20
    assert sum(row.cells == ["x@example.com"] for row in found) == 20 * (
        records.MAX_LINES_PER_ROW + 50
    )


@pytest.mark.parametrize("size", [0, -1, 10**9, 10**30])
def test_s19_a_size_beyond_the_limit_is_refused_before_any_of_it_comes(shop, data_dir, size):
    with pytest.raises(SheetError):
        lifecycle.begin_upload(shop.id, "people.csv", size)

    assert list(data_dir.rglob("*.csv")) == []


def test_s19_a_file_longer_than_it_said_ends_where_it_said(shop):
    held = lifecycle.begin_upload(shop.id, "people.csv", 100)
    lifecycle.append_upload(held, 0, b"x" * 90)

    with pytest.raises(SheetError):
        lifecycle.append_upload(held, 90, b"x" * 11)

    assert files.path_of(shop.id, held.id).stat().st_size == 90


def test_s19_files_of_a_shop_are_counted(shop, monkeypatch):
    monkeypatch.setattr(lifecycle, "MAX_OPEN_IMPORTS", 3)
    for _ in range(3):
        lifecycle.begin_upload(shop.id, "people.csv", 10)

    with pytest.raises(SheetError) as refused:
        lifecycle.begin_upload(shop.id, "people.csv", 10)
    assert refused.value.reason == ProblemCode.TOO_MANY_FILES


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "x" * 5000, "\ud800"])
def test_s19_what_a_file_is_called_leads_nowhere(shop, data_dir, name):
    held = lifecycle.begin_upload(shop.id, name, 10)

    assert [path.name for path in data_dir.rglob("*.csv")] == [f"{held.id}.csv"]
    assert len(held.file_name) <= 200


def test_f11_s19_a_million_rows_are_read_in_little_memory(tmp_path):
    """Ten million would be the same: nothing is held but one row."""
    path = tmp_path / "rows.csv"
    with path.open("wb") as file:
        file.write(b"email,name\n")
        for block in range(1_000):
            file.write(
                b"".join(b"p%d@example.com,Ann\n" % (block * 1_000 + n) for n in range(1_000))
            )
        file.write(b'"' + b"z" * 40_000_000)  # a cell of 40 MB, never closed
    script = (
        "import re, sys; from pathlib import Path; from plugin.sheets import records;"
        "n = sum(bool(row.cells) for row in records.read_rows(Path(sys.argv[1]), 'utf-8', ','));"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1];"
        "print(n, int(peak) // 1024)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    rows, peak_mb = map(int, out.stdout.split())

    assert rows == 1_000_001
    assert peak_mb < MOST_MB


def test_s19_any_text_is_previewed_or_refused_with_a_sentence(tmp_path):
    for seed in range(300):
        noise = bytes((seed * 7919 + n * n * 31 + n * seed) % 256 for n in range(400))
        path = tmp_path / "noise"
        path.write_bytes(noise)
        try:
            sort = encoding.detect_format(path)
        except SheetError:
            continue
        for row in records.read_rows(path, sort.encoding, sort.delimiter):
            assert row.end > row.start


def test_s19_what_goes_out_is_no_formula():
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    text = "".join(csv_chunks([evil])).removeprefix("\ufeff")
    (row,) = csv.reader(io.StringIO(text, newline=""))

    assert all(value.startswith("'") for value in row)
