"""The row that names the columns is found wherever a sheet puts it."""

import pytest

from plugin.imports import lifecycle
from plugin.sheets.problems import SheetError
from storage.imports import ProblemCode
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

ABOVE = {
    "a title": "Customers of 2026\n",
    "a title with separators": "Customers of 2026,,\n",
    "a blank line": "\n",
    "a line of separators": ",,\n",
    "titles of two cells": "Export,2026-11-21\nShop,Dewpoint\n\n",
    "a line for Excel": "sep=,\n",
    "a line for Excel below a mark": "\ufeffsep=,\n",
}


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE.keys())
def test_rows_above_the_header_are_none_of_people(shop, above):
    held = sheet.take_in(shop, f"{above}Email,First name,Tier\nana@example.com,Ana,gold\nbad,,\n")

    assert held.columns == ["Email", "First name", "Tier"]
    assert (held.rows, held.rejected) == (2, 1)
    assert sheet.people(shop)["ana@example.com"].first_name == "Ana"
    line = f"{above}Email,First name,Tier\nana@example.com,Ana,gold\nbad,,\n".count("\n")
    assert {flaw[0] for flaw in sheet.flaws_of(held)} == {line}


def test_a_header_without_a_known_name_is_the_first_row_of_several_cells(shop):
    held = sheet.upload(shop, b"Kunden\n\nAnschrift,Vorname\nana@example.com,Ana\n")

    assert held.columns == ["Anschrift", "Vorname"]


@pytest.mark.parametrize("body", ["ana@example.com,Ana\n", "\nana@example.com\nemail\n"])
def test_a_file_that_begins_with_people_names_no_columns(shop, body):
    with pytest.raises(SheetError) as refused:
        sheet.upload(shop, body.encode())

    assert refused.value.reason == ProblemCode.HEADLESS


def test_a_header_far_below_is_not_looked_for(shop):
    body = "note\n" * 20 + "email\nana@example.com\n"

    assert sheet.upload(shop, body.encode()).columns == ["note"]


def test_another_separator_or_encoding_finds_the_header_anew(shop):
    held = sheet.upload(shop, "\ufeffTitel\n\nEmail;Größe\nana@example.com;XL\n".encode())

    lifecycle.set_format(held, "utf-8", ",")
    assert held.columns == ["Titel"]
    lifecycle.set_format(held, "utf-8", ";")
    assert held.columns == ["Email", "Größe"]


def test_two_columns_of_one_name_become_two_properties(shop):
    body = "email,Tag,Tag,,Tag\nana@example.com,gold,vip,x,\nbo@example.com,,old,,new\n"

    sheet.take_in(shop, body, properties=True)

    assert {name: row.properties for name, row in sheet.people(shop).items()} == {
        "ana@example.com": {"Tag": "gold", "Tag (2)": "vip"},
        "bo@example.com": {"Tag (2)": "old", "Tag (3)": "new"},
    }


def test_a_short_row_is_read_and_a_longer_one_is_not_misread(shop):
    body = (
        "email,name,country\nana@example.com,Ana\nbo@example.com,Bo,NO,,,\n"
        'cy@example.com,Doe, Cy,NO\ndi@example.com,"Doe, Di",NO\n'
    )
    held = sheet.take_in(shop, body)

    assert set(sheet.people(shop)) == {"ana@example.com", "bo@example.com", "di@example.com"}
    assert sheet.flaws_of(held) == [(4, -1, ProblemCode.COLUMNS)]
    assert held.rejected == 1
