"""L02, L03: the hours of marketing texts, by cases of another program and at each edge."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugin.messages.rules import rows
from plugin.messages.rules.hours import AS_THE_RULES, ShopHours, find_opening
from plugin.messages.rules.places import Home, ShopPlace, Whereabouts, ZoneBasis, locate
from plugin.messages.rules.rows import Span

CASES = json.loads((Path(__file__).parent / "hours_cases.json").read_text(encoding="utf-8"))
SECOND = timedelta(seconds=1)
SHOP = ShopPlace("US", "America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def place(name: str, *zones: str) -> Whereabouts:
    country, _, state = name.partition("-")
    return Whereabouts(country, state, zones, ZoneBasis.OWN)


@pytest.mark.parametrize("case", CASES["hours"], ids=lambda case: case["id"])
def test_each_case_opens_when_it_says(case: dict[str, Any]) -> None:
    zones = [case["zone"]] if isinstance(case["zone"], str) else case["zone"]
    now = at(case["instant"])

    opening = find_opening(place(case["place"], *zones), AS_THE_RULES, now)

    assert opening.is_open(now) == case["marketing_text_allowed"], case["note"]
    if case["opens_at"]:
        assert opening.at == at(case["opens_at"]), case["note"]


EDGES = {
    "US": ("America/New_York", "2027-02-03", "08:00", "21:00"),
    "US-FL": ("America/Chicago", "2027-02-03", "08:00", "20:00"),
    "US-OK": ("America/Chicago", "2027-02-03", "08:00", "20:00"),
    "US-MD": ("America/New_York", "2027-02-03", "08:00", "20:00"),
    "US-MA": ("America/New_York", "2027-02-03", "08:00", "20:00"),
    "US-WA": ("America/Los_Angeles", "2027-02-03", "08:00", "20:00"),
    "US-NJ": ("America/New_York", "2027-02-03", "08:00", "20:00"),
    "US-CT": ("America/New_York", "2027-02-03", "09:00", "20:00"),
    "US-NV": ("America/Los_Angeles", "2027-02-03", "09:00", "20:00"),
    "US-TX": ("America/Denver", "2027-02-03", "09:00", "21:00"),
    "US-TX on Sunday": ("America/Chicago", "2027-02-07", "12:00", "21:00"),
    "US-RI": ("America/New_York", "2027-02-03", "09:00", "18:00"),
    "US-RI on Saturday": ("America/New_York", "2027-02-06", "10:00", "17:00"),
    "US-KY": ("America/Chicago", "2027-02-03", "10:00", "21:00"),
    "US-MI": ("America/Detroit", "2027-02-03", "09:00", "21:00"),
    "US-MN": ("America/Chicago", "2027-02-03", "09:00", "21:00"),
    "US-NM": ("America/Denver", "2027-02-03", "09:00", "21:00"),
    "US-MS": ("America/Chicago", "2027-02-06", "08:00", "20:00"),
    "US-AL": ("America/Chicago", "2027-02-03", "08:00", "20:00"),
    "US-LA": ("America/Chicago", "2027-02-03", "08:00", "20:00"),
    "US when summer time begins": ("America/New_York", "2027-03-14", "08:00", "21:00"),
    "US when summer time ends": ("America/Denver", "2027-11-07", "08:00", "21:00"),
    "US-TX when summer time ends": ("America/Chicago", "2027-11-07", "12:00", "21:00"),
    "CA": ("America/St_Johns", "2027-02-03", "09:00", "21:30"),
    "CA on Sunday": ("America/Toronto", "2027-02-07", "10:00", "18:00"),
    "FR when summer time ends": ("Europe/Paris", "2027-10-30", "08:00", "22:00"),
    "AE": ("Asia/Dubai", "2027-02-03", "07:00", "21:00"),
    "TW": ("Asia/Taipei", "2027-02-03", "13:30", "21:00"),
}


@pytest.mark.parametrize("name", EDGES)
def test_each_second_at_the_edges_is_right(name: str) -> None:
    zone, day, opens, closes = EDGES[name]
    where = place(name.partition(" ")[0], zone)
    first = datetime.fromisoformat(f"{day}T{opens}").replace(tzinfo=ZoneInfo(zone))
    shut = datetime.fromisoformat(f"{day}T{closes}").replace(tzinfo=ZoneInfo(zone))

    def is_open(moment: datetime) -> bool:
        return find_opening(where, AS_THE_RULES, moment).is_open(moment)

    first, shut = first.astimezone(UTC), shut.astimezone(UTC)
    assert [is_open(first - SECOND), is_open(first), is_open(first + SECOND)] == [
        False, True, True,
    ]  # fmt: skip
    assert [is_open(shut - SECOND), is_open(shut), is_open(shut + SECOND)] == [True, False, False]
    assert find_opening(where, AS_THE_RULES, first - SECOND).at == first


def test_saturday_night_in_paris_opens_on_monday_and_on_easter_on_tuesday() -> None:
    paris = place("FR", "Europe/Paris")

    assert find_opening(paris, AS_THE_RULES, at("2027-02-06T22:00+01:00")).at == at(
        "2027-02-08T08:00+01:00"
    )
    assert find_opening(paris, AS_THE_RULES, at("2027-03-27T22:00+01:00")).at == at(
        "2027-03-30T08:00+02:00"
    )


def test_alsace_waits_over_its_own_holidays() -> None:
    at_home = locate(Home("FR", postal_code="67000"), SHOP)

    shut = at("2027-12-24T22:00+01:00")
    assert find_opening(at_home, AS_THE_RULES, shut).at == at("2027-12-27T08:00+01:00")
    assert find_opening(place("FR", "Europe/Paris"), AS_THE_RULES, at("2026-12-26T12:00Z")).at == (
        at("2026-12-26T12:00Z")
    )


def test_a_shop_narrows_a_law_and_never_widens_it() -> None:
    noon = ShopHours(Span(6 * 60, 12 * 60), frozenset({5, 6}))
    there = place("US-TX", "America/Chicago")

    assert find_opening(there, noon, at("2027-02-03T14:59:59Z")).at == at("2027-02-03T15:00Z")
    assert find_opening(there, noon, at("2027-02-05T18:00Z")).at == at("2027-02-08T15:00Z")


def test_a_shop_widens_what_is_custom_between_8_and_22() -> None:
    long = ShopHours(Span(5 * 60, 23 * 60))
    there = place("DE", "Europe/Berlin")

    assert find_opening(there, AS_THE_RULES, at("2027-02-03T19:30Z")).at != at("2027-02-03T19:30Z")
    assert find_opening(there, long, at("2027-02-03T19:30Z")).at == at("2027-02-03T19:30Z")
    assert find_opening(there, long, at("2027-02-03T21:00Z")).at == at("2027-02-04T07:00Z")


def test_hours_that_never_meet_never_open() -> None:
    early = ShopHours(Span(8 * 60, 9 * 60))
    both = place("US", "America/New_York", "Pacific/Honolulu")

    assert find_opening(both, early, at("2027-02-03T13:30Z")).at is None


def test_each_rule_is_narrower_than_its_countrys() -> None:
    for (country, state), rule in rows.hours_rules().items():
        whole = rows.rule_of(country, "")
        for spans, wider in zip(rule.week, whole.week, strict=True):
            assert not state or all(
                any(each.start >= all_.start and each.end <= all_.end for all_ in wider)
                for each in spans
            ), f"{country}-{state}"
