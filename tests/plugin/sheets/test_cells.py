"""Cells go out as text for every spreadsheet, and come back as they were."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.sheets.cells import csv_chunks, escape_formula, read_cell

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠x", " =1", "\t=1", "\n=1")
text = st.text(st.sampled_from("a1 '\"=+-@＝;|,\t\n\r"), max_size=12) | st.sampled_from(FORMULAS)


def written(*row):
    return "".join(csv_chunks([row]))


@pytest.mark.parametrize("value", FORMULAS)
def test_s19_a_formula_is_text_wherever_a_spreadsheet_begins_a_cell(value):
    for before in ("", "Ana;", "Ana|", "Ana\t", "Ana\n", "Ana;x;"):
        cell = str(escape_formula(before + value))
        for separator in (";", "|", "\t", "\n"):  # of a spreadsheet in another country
            for part in cell.split(separator):
                assert not part.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@settings(max_examples=300)
@given(value=text)
def test_p_no_part_of_a_cell_is_a_formula_by_any_separator(value):
    for part in str(escape_formula(value)).replace("|", ";").replace("\t", ";").split(";"):
        assert not part.lstrip(" ").startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+4915112345678", "-2", "@ana", "Doe; =x", "O'Brien", "'n Sync", '"quoted"', "李雷",
     "a,b;c|d", "two\nlines", "－", "1;-1", "5' 11\""],
)  # fmt: skip
def test_a_cell_comes_back_as_it_was(value):
    (row,) = csv.reader(io.StringIO(written(value).removeprefix("\ufeff"), newline=""))

    assert read_cell(row[0]) == value


def test_a_table_begins_with_a_mark_that_tells_excel_its_encoding():
    assert written("Größe").startswith("\ufeff")
    assert "".join(csv_chunks(["a"] for _ in range(100_000))).count("\ufeff") == 1


@pytest.mark.parametrize(
    ("cell", "said"),
    [('="007"', "007"), ('="a""b"', 'a"b'), ("='A1'", "='A1'"), ("=A1", "=A1"),
     ('="open', '="open'),
     ("\u200bx\ufeff", "x"), ("'7001", "7001"), ("'quoted'", "'quoted'"), ("", ""), ("'", "'")],
)  # fmt: skip
def test_a_cell_is_read_out_of_what_a_sheet_put_around_it(cell, said):
    assert read_cell(cell) == said
