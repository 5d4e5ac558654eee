"""Dates are read as files of every country write them, and never guessed."""

import pytest

from plugin.imports import dates
from storage.imports import ProblemCode
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("data_dir")

MOMENTS = {
    "2024-05-01": "2024-05-01T00:00:00+00:00",
    "2024-05-01 10:00:00": "2024-05-01T10:00:00+00:00",  # Mailchimp, Klaviyo
    "2024-05-01T10:00:00.123456Z": "2024-05-01T10:00:00.123456+00:00",
    "2024-05-01 10:00:00 UTC": "2024-05-01T10:00:00+00:00",
    "2025-10-07 09:50:26 +0200": "2025-10-07T09:50:26+02:00",  # Shopify's orders
    "2024/5/1 9:05": "2024-05-01T09:05:00+00:00",  # Excel in Chinese
    "2024年5月1日": "2024-05-01T00:00:00+00:00",
    "2024. 5. 1": "2024-05-01T00:00:00+00:00",  # Korean
    "01.05.2024 08:30": "2024-05-01T08:30:00+00:00",  # German
    "25/12/2024": "2024-12-25T00:00:00+00:00",
    "12/25/2024 1:05 PM": "2024-12-25T13:05:00+00:00",
    "12/25/2024, 12:05:00 AM": "2024-12-25T00:05:00+00:00",
    "05/05/2024": "2024-05-05T00:00:00+00:00",
    "25-12-2024": "2024-12-25T00:00:00+00:00",
    "May 1, 2024": "2024-05-01T00:00:00+00:00",
    "1 May 2024 10:00": "2024-05-01T10:00:00+00:00",
    "01-May-2024": "2024-05-01T00:00:00+00:00",
    "September 3, 2024": "2024-09-03T00:00:00+00:00",
}
NONE = (
    "", "yes", "2024", "2024-02-30", "31.02.2024", "03/04/2024", "13/13/2024", "45413", "May 2024",
    "1 Foo 2024", "2024-05-01 25:00", "2024-05-01 at noon", "1999-12-31", "01.05.24", "0000-00-00",
)  # fmt: skip


@pytest.mark.parametrize(("text", "moment"), MOMENTS.items())
def test_a_date_is_read_in_each_way_of_writing_it(text, moment):
    found = dates.parse_date(text)

    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_date_or_two_is_none(text):
    assert dates.parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "ambiguous"),
    [("03/04/1990", True), ("3-4-1990", True), ("25/12/1990", False), ("03.04.1990", False),
     ("13/13/1990", False), ("never", False)],
)  # fmt: skip
def test_a_date_with_two_meanings_is_told_apart_from_a_wrong_one(text, ambiguous):
    assert dates.is_ambiguous(text) == ambiguous


def test_a_birthday_is_kept_as_a_date_and_a_childs_row_not_at_all(shop):
    body = (
        "email,Geburtstag\nana@example.com,14.05.1990\nbo@example.com,1990-02-30\n"
        "cy@example.com,03/04/1990\ndi@example.com,{}-01-01\ned@example.com,2090-01-01\n"
    )
    held = sheet.take_in(shop, body.format(dates.datetime.now().year - 8))

    found = sheet.people(shop)
    assert {name: row.properties for name, row in found.items()} == {
        "ana@example.com": {"birthday": "1990-05-14"}, "bo@example.com": {},
        "cy@example.com": {}, "ed@example.com": {},
    }  # fmt: skip
    assert sheet.flaws_of(held) == [
        (3, 1, ProblemCode.MOMENT),
        (4, 1, ProblemCode.DAY_OR_MONTH),
        (5, -1, ProblemCode.TOO_YOUNG),
        (6, 1, ProblemCode.MOMENT),
    ]
    assert held.rejected == 1
