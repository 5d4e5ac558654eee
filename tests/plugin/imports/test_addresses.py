"""Addresses are read as spreadsheets leave them, and refused with words where digits are lost."""

import pytest

from plugin.imports.addresses import read_email, read_phone
from plugin.sheets.cells import read_cell
from storage.imports import ProblemCode
from tests.plugin.imports import sheet

EMAILS = {
    "ana@example.com": "ana@example.com",
    " Ana@Example.com\u200b": "ana@example.com",
    "\ufeffana@example.com\xa0": "ana@example.com",
    "mailto:ana@example.com": "ana@example.com",
    "Ana Silva <ana@example.com>": "ana@example.com",
    "a..b.@docomo.ne.jp": "a..b.@docomo.ne.jp",
    "Taro.@EZweb.ne.jp": "taro.@ezweb.ne.jp",
    '="ana@example.com"': "ana@example.com",
    "'ana@example.com": "'ana@example.com",  # an apostrophe is a letter of addresses
}
PHONES = {
    "'+4915112345678": "+4915112345678",
    '="+4915112345678"': "+4915112345678",
    '="015112345678"': "+4915112345678",
    "\t+49 151 12345678": "+4915112345678",
    "4915112345678": "+4915112345678",  # a sheet took the plus
    "15112345678": "+4915112345678",  # and the leading zero
    "4915112345678.0": "+4915112345678",  # pandas, where a phone is missing in another row
    "4915112345678,00": "+4915112345678",
    "tel:+49-151-12345678": "+4915112345678",
    "'015112345678": "+4915112345678",
}
SPOILT = {
    "4.91511E+12": ProblemCode.ROUNDED,
    "4,91511E+12": ProblemCode.ROUNDED,
    "+4.91511e12": ProblemCode.ROUNDED,
    "5E+11": ProblemCode.ROUNDED,
    "138****8000": ProblemCode.MASKED,
    "+49 151 •••• 5678": ProblemCode.MASKED,
    "0000": ProblemCode.PHONE,
    "#NAME?": ProblemCode.PHONE,
    "+4915112345678 / +4915112345679": ProblemCode.PHONE,
}


@pytest.mark.parametrize(("cell", "address"), EMAILS.items())
def test_an_email_is_read_as_it_was_copied(cell, address):
    assert read_email(read_cell(cell)) == (address, None)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("a***@example.com", ProblemCode.MASKED), ("a@example.com; b@example.com", ProblemCode.EMAIL),
     ("a..b@example.com", ProblemCode.EMAIL), ("a.@softbank.ne.jp", ProblemCode.EMAIL),
     ("a..b.@docomo.ne.jp.example.com", ProblemCode.EMAIL), ("", None)],
)  # fmt: skip
def test_what_is_no_one_persons_email_is_none(cell, problem):
    assert read_email(read_cell(cell)) == (None, problem)


@pytest.mark.parametrize(("cell", "number"), PHONES.items())
def test_a_phone_is_read_as_a_sheet_wrote_it(cell, number):
    assert read_phone(read_cell(cell), "DE") == (number, None)


@pytest.mark.parametrize(("cell", "problem"), SPOILT.items())
def test_a_phone_that_lost_digits_is_refused_by_what_happened_to_it(cell, problem):
    assert read_phone(read_cell(cell), "DE") == (None, problem)


@pytest.mark.usefixtures("data_dir")
def test_a_spoilt_phone_is_told_and_its_person_taken_by_email(shop):
    held = sheet.take_in(
        shop, "email,phone\nana@example.com,4.91511E+12\n,138****8000\n", name="people.csv"
    )

    assert set(sheet.people(shop)) == {"ana@example.com"}
    assert sheet.flaws_of(held) == [
        (2, 1, ProblemCode.ROUNDED), (3, -1, ProblemCode.NO_ADDRESS), (3, 1, ProblemCode.MASKED),
    ]  # fmt: skip
