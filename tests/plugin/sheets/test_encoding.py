"""What a file is written in is told by the file itself, whatever system wrote it."""

import csv
import io
import itertools

import pytest

from plugin.sheets import encoding, letters, records

JAPANESE = "メールアドレス,氏名\ntaro@example.com,山田太郎\nhana@example.com,鈴木花子\n"
NAMES_ALONE = "email,name\ntaro@example.com,山田太郎\n"
CHINESE = "邮箱,姓名\nli@example.com,李雷\nhan@example.com,韩梅梅\n"
TRADITIONAL = "電子郵件,姓名\nwang@example.com,王小明\n"
KOREAN = "이메일,이름\nkim@example.com,김철수\n"
WESTERN = "email,name\na@example.com,José Müller\nb@example.com,Zoë Ångström\n"
RUSSIAN = "email,имя\nivan@example.com,Иван Петров\nanna@example.com,Анна\n"


def rows_of(tmp_path, body):
    """The rows of a file, in the encoding and by the separator that are detected."""
    path = tmp_path / "sheet.csv"
    path.write_bytes(body)
    sort = encoding.detect_format(path)
    found = records.read_rows(path, sort.encoding, sort.delimiter)
    return [row.cells for row in found if row.cells], sort


@pytest.mark.parametrize(
    ("text", "written_in"),
    [
        (JAPANESE, "cp932"),
        (NAMES_ALONE, "cp932"),
        (CHINESE, "gb18030"),
        ("email,name\nli@example.com,李雷\n", "gb18030"),
        (TRADITIONAL, "cp950"),
        (KOREAN, "cp949"),
        (WESTERN, "windows-1252"),
        (RUSSIAN, "windows-1251"),
        *((each, wide) for each in (JAPANESE, CHINESE, WESTERN, RUSSIAN)
          for wide in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")),
    ],
)  # fmt: skip
def test_a_text_comes_back_from_the_encoding_of_its_language(tmp_path, text, written_in):
    found, sort = rows_of(tmp_path, text.encode(written_in))

    assert found == list(csv.reader(io.StringIO(text)))
    assert sort.encoding in encoding.ENCODINGS


@pytest.mark.parametrize("name", encoding.ENCODINGS)
def test_a_byte_10_is_a_lines_end_in_every_encoding_that_is_offered(name):
    for letter in map(chr, range(0x80, 0x10000)):
        try:
            raw = letter.encode(name)
        except UnicodeEncodeError:
            continue
        assert not {10, 13} & {*raw}


@pytest.mark.parametrize(
    ("written_in", "end"),
    [("mac_roman", "\r"),
     *itertools.product(("utf-8", "utf-16"), ("\r", "\r\n", "\n", "\r\r\n")),
     *(("cp1252", end) for end in ("\r\n", "\n", "\r\r\n"))],
)  # fmt: skip
def test_lines_end_as_each_system_ends_them(tmp_path, written_in, end):
    found, _ = rows_of(tmp_path, WESTERN.replace("\n", end).encode(written_in))

    assert found == list(csv.reader(io.StringIO(WESTERN)))


@pytest.mark.parametrize("delimiter", encoding.DELIMITERS)
@pytest.mark.parametrize("above", ["", "Customers of 2026\n", "\n\n", "Customers\n\nof Oslo\n"])
def test_a_separator_is_told_below_titles_and_beside_others(tmp_path, delimiter, above):
    wanted = [["email", "name", "note"], ["a@example.com", "Doe, Ann", "a;b|c"],
              ["b@example.com", "Roe; Bo", ""], ["c@example.com", "Poe", "x\ty"]]  # fmt: skip
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(wanted)

    found, sort = rows_of(tmp_path, (above + out.getvalue()).encode())

    assert sort.delimiter == delimiter
    assert found[-4:] == wanted


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
@pytest.mark.parametrize("written_in", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_name_its_separator_in_a_line_for_excel(tmp_path, first, written_in):
    # By its looks it has two columns by comma, and three by semicolon in one row alone.
    text = f"{first}\r\nemail;price\r\na@example.com;1,50\r\nb@example.com;2,50\r\n"

    found, sort = rows_of(tmp_path, text.encode(written_in))

    assert sort.delimiter == ";"
    assert encoding.is_directive(found[0][0])
    assert found[1:] == [["email", "price"], ["a@example.com", "1,50"], ["b@example.com", "2,50"]]


def test_rows_of_unequal_length_do_not_hide_the_separator(tmp_path):
    text = "email;name;city\na@example.com;Ann\nb@example.com;Bo;Oslo;;;\nc@example.com;Cy;Rome\n"

    _, sort = rows_of(tmp_path, text.encode())

    assert sort.delimiter == ";"


@pytest.mark.parametrize("lines", [[], [b"\xff\xfe"], [b"\x80" * 50], [b"\xe9"]])
def test_bytes_that_are_no_text_are_guessed_as_some_encoding(lines):
    assert letters.guess_encoding(lines) in encoding.ENCODINGS
