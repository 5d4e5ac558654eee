"""Rows are found in any file of separated values, and reading goes on from wherever it stood."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.imports.header import guess_columns
from plugin.sheets import encoding, files, problems, records
from plugin.sheets.cells import csv_chunks, read_cell
from storage.imports import ProblemCode


@pytest.fixture
def sheet(tmp_path):
    def write(body: bytes):
        path = tmp_path / "sheet.csv"
        path.write_bytes(body)
        return path

    return write


def read(path, sort=None, offset=0, line=1):
    sort = sort or encoding.detect_format(path)
    found = records.read_rows(path, sort.encoding, sort.delimiter, offset, line=line)
    return [row for row in found if row.cells or row.flaw]


CHINESE = "邮箱,姓名\nli@example.com,李雷\nhan@example.com,韩梅梅\n"
WESTERN = "email,name\na@example.com,José Müller\nb@example.com,Zoë Ångström\n"


@pytest.mark.parametrize(
    ("said", "encoded", "found"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-8"),
        (CHINESE, "gb18030", "gb18030"),
        (WESTERN, "cp1252", "windows-1252"),
        (WESTERN, "utf-8", "utf-8"),
        (WESTERN, "utf-16-le", "utf-8"),  # as some programs write it, without a mark
        (WESTERN, "utf-16-be", "utf-8"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_is_written_in(sheet, said, encoded, found):
    path = sheet(said.encode(encoded))

    assert encoding.detect_format(path).encoding == found
    assert [row.cells for row in read(path)] == list(csv.reader(io.StringIO(said)))


def test_letters_far_down_a_file_still_tell_its_encoding(sheet):
    plain = b"email,name\n" + b"a@example.com,Ann\n" * 20_000
    path = sheet(plain + "b@example.com,韩梅梅\n".encode("gb18030"))

    assert read(path)[-1].cells == ["b@example.com", "韩梅梅"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_and_line_breaks_of_any_system(sheet, delimiter, newline):
    out = io.StringIO()
    wanted = [["email", "note, so; to say"], ["a@example.com", f'two{newline}lines, "both"']]
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows(wanted)

    assert [row.cells for row in read(sheet(out.getvalue().encode()))] == wanted


cell = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(cell, min_size=2, max_size=4), min_size=1, max_size=12), st.data())
def test_reading_on_from_any_row_gives_the_rows_after_it(tmp_path_factory, wanted, data):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(wanted)
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    path.write_bytes(out.getvalue().encode())

    whole = list(records.read_rows(path, "utf-8", ","))
    at = data.draw(st.sampled_from(whole))
    rest = list(records.read_rows(path, "utf-8", ",", at.end, line=at.next_line))

    assert [row.cells for row in whole if row.cells] == [
        row for row in wanted if any(c.strip() for c in row)
    ]
    assert rest == whole[whole.index(at) + 1 :]


def test_shopifys_apostrophes_and_our_own_are_taken_off_again():
    guarded = "".join(
        csv_chunks([["=1+1", "+491", "-2", "@x", "\tx", "\rx", "plain", "'quoted'", 5]])
    )

    (row,) = csv.reader(io.StringIO(guarded.removeprefix("\ufeff"), newline=""))
    assert row == ["'=1+1", "'+491", "'-2", "'@x", "'\tx", "'\rx", "plain", "'quoted'", "5"]
    assert [read_cell(c) for c in row[:4]] == ["=1+1", "+491", "-2", "@x"]
    assert read_cell("'7001") == "7001"
    assert read_cell("'quoted'") == "'quoted'"


def test_a_column_of_a_kind_is_taken_once():
    guessed = guess_columns(["E-mail", "Email Address", "First_Name", "手机号", "Loyalty tier"])

    assert guessed == ["email", "", "first_name", "phone", ""]


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("E-Mail;Vorname;Nachname;Land", ["email", "first_name", "last_name", "country"]),
        ("Adresse e-mail;Prénom;Pays", ["email", "first_name", "country"]),
        ("Correo electrónico;Nombre;Apellidos", ["email", "first_name", "last_name"]),
        ("メールアドレス;氏名;国", ["email", "name", "country"]),
        ("邮箱;姓名;手机", ["email", "name", "phone"]),
    ],
)
def test_columns_are_known_by_their_names_in_other_languages(header, kinds):
    assert guess_columns(header.split(";")) == kinds


def test_blanking_a_row_leaves_every_other_byte_in_its_place(sheet):
    body = b'email,note\na@example.com,"one\ntwo"\nb@example.com,three\n'
    path = sheet(body)
    before = read(path)

    files.blank_rows(path, "utf-8", ",", lambda cells: "a@example.com" in cells)

    after = read(path)
    assert b"one" not in path.read_bytes()
    assert b"two" not in path.read_bytes()
    assert path.stat().st_size == len(body)
    assert after == [before[0], before[2]]


def test_a_row_names_its_first_line_after_line_breaks_in_cells(sheet):
    found = read(sheet(b'a,b\n"1\n2\n3",x\n4,y\n'))

    assert [(row.line, row.cells[0]) for row in found] == [(1, "a"), (2, "1\n2\n3"), (5, "4")]
    assert not any(row.flaw for row in found)
    assert problems.SENTENCES.keys() >= {ProblemCode.OPEN}
