"""The rules are data: each row says who says so and since when, and a broken one is named."""

from datetime import date
from pathlib import Path

import pytest

from plugin import clock
from plugin.errors import RegularsError
from plugin.library_files import read_library
from plugin.messages.rules import rows
from plugin.messages.rules.holidays import holidays_of, parse_day
from plugin.messages.rules.rows import HoursFile, HoursRule, Registration, RuleKind, Span

GOOD = """\
version = "2026-11-29"

[[rules]]
countries = ["FR"]
kind = "charter"
spans = ["08:00-12:30", "13:30-21:00"]
sunday = []
source = "A charter"
as_of = 2026-11-29
"""


def read(folder: Path, text: str) -> HoursRule:
    (folder / "hours.toml").write_text(text, encoding="utf-8")
    return read_library(folder, HoursFile)["hours"].rules[0]


def test_a_row_says_its_hours_of_each_weekday(tmp_path: Path) -> None:
    rule = read(tmp_path, GOOD)

    assert rule.kind == RuleKind.CHARTER
    assert rule.week[0] == (Span(480, 750), Span(810, 1260))
    assert rule.week[6] == ()
    assert str(rule.week[5][1]) == "13:30-21:00"


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ('"08:00-12:30", ', '"12:30-08:00", ', "spans"),
        ('"08:00-12:30", ', '"08:00-14:00", ', "spans"),
        ('"08:00-12:30", ', '"8-12", ', "spans"),
        ('"charter"', '"habit"', "kind"),
        ('["FR"]', '["France"]', "countries"),
        ('source = "A charter"\n', "", "source"),
        ("as_of = 2026-11-29\n", "", "as_of"),
        ("sunday", "sundays", "sundays"),
        ('version = "2026-11-29"', 'version = "new"', "version"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, good: str, bad: str, named: str) -> None:
    assert good in GOOD
    with pytest.raises(RegularsError, match=named):
        read(tmp_path, GOOD.replace(good, bad))


def test_every_row_of_ours_can_be_read_and_every_zone_has_a_clock() -> None:
    assert len(rows.hours_rules()) > 30
    assert {code for code, _ in rows.calendars()} == {"US", "FR"}
    assert len(rows.states_of_area_codes()) > 350
    for file in rows.places():
        for row in file.places:
            assert set(row.zones) <= clock.zone_names()
    for (country, state), calendar in rows.calendars().items():
        for word in calendar.days:
            parse_day(word, 2027)
        assert len(holidays_of(country, state, 2027)) >= len(calendar.days) - 1


def test_l05_texas_asks_no_registration_of_texts_with_consent() -> None:
    texas = rows.rule_of("US", "TX")

    assert texas.registration == Registration.NOT_WITH_CONSENT
    assert texas.as_of >= date(2025, 11, 6), "the settlement"


def test_holidays_are_those_of_the_year() -> None:
    assert date(2027, 12, 31) in holidays_of("US", "AL", 2027), "New Year's Day 2028, a Saturday"
    assert date(2026, 11, 3) in holidays_of("US", "LA", 2026), "election day"
    assert date(2027, 11, 2) not in holidays_of("US", "LA", 2027), "none in odd years"
    assert date(2027, 3, 26) in holidays_of("FR", "57", 2027), "Good Friday in Moselle"
    assert date(2027, 3, 26) not in holidays_of("FR", "75", 2027)
    assert not holidays_of("DE", "", 2027)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("easter", "easter names no day"),
        ("13-01", "month must be in 1..12"),
        ("02 monday", "02 monday names no day"),
        ("01 moonday 1", "01 moonday 1 names no day"),
        ("", "names no day"),
    ],
)
def test_a_word_that_names_no_day_is_refused(word: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_day(word, 2027)
