"""L02, L03: random shoppers on all clocks. The judge reads other tables in another way: what the
clock on the wall says where they truly live.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plugin.messages.rules.hours import AS_THE_RULES, find_opening
from plugin.messages.rules.places import Home, ShopPlace, locate
from tests.sizes import size

CASES = json.loads((Path(__file__).parent / "hours_cases.json").read_text(encoding="utf-8"))
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHOP = ShopPlace("US", "America/New_York")
SHOPPERS = size(2_000, 200_000)
SEED = 20261129

RULES: dict[str, dict[str, list[list[str]]]] = {
    name: rule["days"] for name, rule in CASES["hours_rules"].items()
} | {
    name: {day: [[opens, closes]] for day in WEEKDAYS}
    for name, (opens, closes) in {
        "US-MA": ("08:00", "20:00"), "US-NJ": ("08:00", "20:00"), "US-MI": ("09:00", "21:00"),
        "US-MN": ("09:00", "21:00"), "US-NM": ("09:00", "21:00"), "US-MS": ("08:00", "20:00"),
        "BR": ("08:00", "21:00"), "KZ": ("09:00", "22:00"), "MX": ("08:00", "20:00"),
        "VN": ("07:00", "22:00"), "AE": ("07:00", "21:00"), "TH": ("09:00", "21:00"),
        "*": ("08:00", "20:00"),
    }.items()
}  # fmt: skip
RULES["US-MS"] = RULES["US-MS"] | {"Sun": []}
# As PyPI's holidays 0.109 has them for 2026 and 2027.
LOUISIANA = [
    "2026-01-01", "2026-01-19", "2026-02-16", "2026-02-17", "2026-04-03", "2026-05-25",
    "2026-06-19", "2026-07-03", "2026-07-04", "2026-09-07", "2026-11-03", "2026-11-11",
    "2026-11-26", "2026-12-25", "2027-01-01", "2027-01-18", "2027-02-09", "2027-02-15",
    "2027-03-26", "2027-05-31", "2027-06-18", "2027-06-19", "2027-07-04", "2027-07-05",
    "2027-09-06", "2027-11-11", "2027-11-25", "2027-12-24", "2027-12-25", "2027-12-31",
]  # fmt: skip
ALABAMA = [
    "2026-01-01", "2026-01-19", "2026-02-16", "2026-04-27", "2026-05-25", "2026-06-01",
    "2026-06-19", "2026-07-03", "2026-07-04", "2026-09-07", "2026-10-12", "2026-11-11",
    "2026-11-26", "2026-12-25", "2027-01-01", "2027-01-18", "2027-02-15", "2027-04-26",
    "2027-05-31", "2027-06-07", "2027-06-18", "2027-06-19", "2027-07-04", "2027-07-05",
    "2027-09-06", "2027-10-11", "2027-11-11", "2027-11-25", "2027-12-24", "2027-12-25",
    "2027-12-31",
]  # fmt: skip
FRANCE = [
    "2026-01-01", "2026-04-06", "2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25",
    "2026-07-14", "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25", "2027-01-01",
    "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-08", "2027-05-17", "2027-07-14",
    "2027-08-15", "2027-11-01", "2027-11-11", "2027-12-25",
]  # fmt: skip
SHUT_DAYS = {
    "US-LA": {*LOUISIANA}, "US-AL": {*ALABAMA}, "FR": {*FRANCE},
    "FR-67": {*FRANCE, "2026-04-03", "2026-12-26", "2027-03-26", "2027-12-26"},
    "FR-974": {*FRANCE, "2026-12-20", "2027-12-20"},
    "FR-972": {*FRANCE, "2026-05-22", "2026-07-21", "2027-05-22", "2027-07-21"},
}  # fmt: skip


class Resident(NamedTuple):
    """Where a person truly lives, and what an address there and a number from there are."""

    rule: str
    zone: str
    country: str
    region: str
    postal_code: str
    phone: str


RESIDENTS = [
    Resident("US", "America/New_York", "US", "NY", "10001", "+12125550123"),
    Resident("US", "America/New_York", "US", "GA", "30301", "+14045550123"),
    Resident("US-FL", "America/New_York", "US", "FL", "33101", "+13055550123"),
    Resident("US-FL", "America/Chicago", "US", "FL", "32501", "+18505550123"),
    Resident("US-FL", "America/Chicago", "US", "FL", "32401", "+14485550123"),
    Resident("US-OK", "America/Chicago", "US", "OK", "73101", "+14055550123"),
    Resident("US-MD", "America/New_York", "US", "MD", "21201", "+14105550123"),
    Resident("US-MA", "America/New_York", "US", "MA", "02101", "+16175550123"),
    Resident("US-WA", "America/Los_Angeles", "US", "WA", "98101", "+12065550123"),
    Resident("US-NJ", "America/New_York", "US", "NJ", "07101", "+12015550123"),
    Resident("US-CT", "America/New_York", "US", "CT", "06101", "+18605550123"),
    Resident("US-NV", "America/Los_Angeles", "US", "NV", "89101", "+17025550123"),
    Resident("US-NV", "America/Denver", "US", "NV", "89883", "+17755550123"),
    Resident("US-TX", "America/Chicago", "US", "TX", "77001", "+17135550123"),
    Resident("US-TX", "America/Denver", "US", "TX", "79901", "+19155550123"),
    Resident("US-RI", "America/New_York", "US", "RI", "02901", "+14015550123"),
    Resident("US-KY", "America/Chicago", "US", "KY", "42101", "+12705550123"),
    Resident("US-KY", "America/New_York", "US", "KY", "40201", "+15025550123"),
    Resident("US-MI", "America/Detroit", "US", "MI", "48201", "+13135550123"),
    Resident("US-MI", "America/Menominee", "US", "MI", "49858", "+19065550123"),
    Resident("US-MN", "America/Chicago", "US", "MN", "55401", "+16125550123"),
    Resident("US-NM", "America/Denver", "US", "NM", "87101", "+15055550123"),
    Resident("US-MS", "America/Chicago", "US", "MS", "39201", "+16015550123"),
    Resident("US-AL", "America/Chicago", "US", "AL", "35201", "+12055550123"),
    Resident("US-LA", "America/Chicago", "US", "LA", "70112", "+15045550123"),
    Resident("US", "America/Chicago", "US", "TN", "37201", "+16155550123"),
    Resident("US", "America/New_York", "US", "TN", "37402", "+14235550123"),
    Resident("US", "America/Boise", "US", "ID", "83701", "+12085550123"),
    Resident("US", "America/Los_Angeles", "US", "ID", "83814", "+12085550123"),
    Resident("US", "America/Boise", "US", "OR", "97914", "+15415550123"),
    Resident("US", "America/Chicago", "US", "IN", "46401", "+12195550123"),
    Resident("US", "America/Indiana/Indianapolis", "US", "IN", "46201", "+13175550123"),
    Resident("US", "America/Denver", "US", "NE", "69361", "+13085550123"),
    Resident("US", "America/Denver", "US", "ND", "58601", "+17015550123"),
    Resident("US", "America/Chicago", "US", "SD", "57101", "+16055550123"),
    Resident("US", "America/Denver", "US", "KS", "67735", "+17855550123"),
    Resident("US", "America/Phoenix", "US", "AZ", "85001", "+16025550123"),
    Resident("US", "America/Denver", "US", "AZ", "86515", "+19285550123"),
    Resident("US", "America/Los_Angeles", "US", "CA", "90001", "+12135550123"),
    Resident("US", "America/Anchorage", "US", "AK", "99501", "+19075550123"),
    Resident("US", "America/Adak", "US", "AK", "99546", "+19075920123"),
    Resident("US", "Pacific/Honolulu", "US", "HI", "96801", "+18085550123"),
    Resident("US", "America/Puerto_Rico", "US", "PR", "00901", "+17875550123"),
    Resident("US", "Pacific/Guam", "GU", "", "96910", "+16715550123"),
    Resident("CA", "America/Vancouver", "CA", "BC", "V6B 1A1", "+16045550123"),
    Resident("CA", "America/Dawson_Creek", "CA", "BC", "V1G 1A1", "+12507825123"),
    Resident("CA", "America/Edmonton", "CA", "AB", "T2P 1J9", "+14035550123"),
    Resident("CA", "America/Regina", "CA", "SK", "S4P 3Y2", "+13065550123"),
    Resident("CA", "America/Winnipeg", "CA", "ON", "P9N 0A1", "+18075550123"),
    Resident("CA", "America/Toronto", "CA", "ON", "M5H 2N2", "+14165550123"),
    Resident("CA", "America/Halifax", "CA", "NS", "B3J 1S9", "+19025550123"),
    Resident("CA", "America/St_Johns", "CA", "NL", "A1C 5S7", "+17095550123"),
    Resident("FR", "Europe/Paris", "FR", "", "75001", "+33612345678"),
    Resident("FR-67", "Europe/Paris", "FR", "", "67000", "+33612345678"),
    Resident("FR-974", "Indian/Reunion", "RE", "", "97400", "+262692123456"),
    Resident("FR-974", "Indian/Reunion", "FR", "", "97400", "+262692123456"),
    Resident("FR-972", "America/Martinique", "FR", "", "97200", "+596696123456"),
    Resident("AU", "Australia/Adelaide", "AU", "SA", "5000", "+61412345678"),
    Resident("AU", "Australia/Lord_Howe", "AU", "NSW", "2898", "+61412345678"),
    Resident("AU", "Australia/Perth", "AU", "WA", "6000", "+61412345678"),
    Resident("BR", "America/Manaus", "BR", "AM", "69000-000", "+5592912345678"),
    Resident("NZ", "Pacific/Chatham", "NZ", "", "8942", "+64212345678"),
    Resident("*", "Atlantic/Canary", "ES", "GC", "35001", "+34612345678"),
    Resident("CN", "Asia/Shanghai", "CN", "", "100000", "+8613123456789"),
    Resident("TW", "Asia/Taipei", "TW", "", "100", "+886912345678"),
    Resident("GB", "Europe/London", "GB", "", "SW1A 1AA", "+447400123456"),
    Resident("DE", "Europe/Berlin", "DE", "", "10115", "+4915123456789"),
    Resident("JP", "Asia/Tokyo", "JP", "", "100-0001", "+819012345678"),
    Resident("IN", "Asia/Kolkata", "IN", "", "110001", "+918123456789"),
]
WITHOUT_A_PLACE = "+18005550199"
# What a postal code alone tells is checked above: the oracle knows it of these.
STATES_BY_POSTAL_CODE = {"FR", "RE"}


def countries() -> dict[str, list[str]]:
    """The zones of each country as tzdata itself lists them."""
    found: dict[str, list[str]] = {}
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text()
    for line in table.splitlines():
        if line and not line.startswith("#"):
            code, _, zone, *_ = line.split("\t")
            found.setdefault(code, []).append(zone)
    found["CN"] = ["Asia/Shanghai"]  # all of it by law, though Xinjiang lives two hours behind
    return {code: zones for code, zones in found.items() if code != "AQ"}


COUNTRIES = countries()
ZONES = sorted(zone for zones in COUNTRIES.values() for zone in zones)
PARTS = {
    "PR": "US", "VI": "US", "GU": "US", "AS": "US", "MP": "US", "GP": "FR", "MQ": "FR-972",
    "GF": "FR", "RE": "FR-974", "PM": "FR", "YT": "FR", "BL": "FR", "MF": "FR", "WF": "FR",
    "PF": "FR", "NC": "FR",
}  # fmt: skip
NO_STATES = {"US", "FR"}  # of these the oracle asks after the state


class Shopper(NamedTuple):
    """What is known of a shopper, and the truth."""

    home: Home
    rule: str
    zone: str


def shopper(chance: random.Random) -> Shopper:
    how = chance.randrange(7)
    if how == 0:  # only a country, with any of its clocks
        country = chance.choice(sorted(COUNTRIES))
        return Shopper(Home(country), rule_for(country), chance.choice(COUNTRIES[country]))
    if how == 1:  # their own zone, wherever the address is
        country, zone = chance.choice(sorted(COUNTRIES)), chance.choice(ZONES)
        return Shopper(Home(country, timezone=zone), rule_for(country), zone)
    lives = chance.choice(RESIDENTS)
    moved = chance.choice(RESIDENTS).phone
    country, region, code = lives.country, lives.region, lives.postal_code
    if how == 2:
        return Shopper(Home(country, region, code, phone=moved), lives.rule, lives.zone)
    if how == 3 and country not in STATES_BY_POSTAL_CODE:
        return Shopper(Home(country, region, phone=moved), lives.rule, lives.zone)
    if how == 4:
        rule = "FR" if lives.rule == "FR-67" else lives.rule  # a number tells no department
        return Shopper(Home(phone=lives.phone), rule, lives.zone)
    if how == 5:
        known = Home(country, phone=lives.phone)
        return Shopper(known, "FR" if lives.rule == "FR-67" else lives.rule, lives.zone)
    # "US" alone means its states, Hawaii included; who lives in a territory says which.
    if country == "US" and region != "PR":
        return Shopper(Home("US", phone=WITHOUT_A_PLACE), "US", lives.zone)
    return Shopper(Home(country, region, code), lives.rule, lives.zone)


def rule_for(country: str) -> str:
    return PARTS.get(country) or (country if country in RULES else "*")


@lru_cache(1024)
def odd_days(zone: str) -> tuple[date, ...]:
    """The days of 2026 and 2027 on which a zone's clock changes."""
    found, day = [], datetime(2026, 1, 1, tzinfo=UTC)
    while day.year < 2028:
        here, later = day.astimezone(ZoneInfo(zone)), (day + DAY).astimezone(ZoneInfo(zone))
        if here.utcoffset() != later.utcoffset():
            found.append(day.date())
        day += DAY
    return tuple(found)


def instant(chance: random.Random, zone: str) -> datetime:
    days = odd_days(zone)
    if days and chance.random() < 0.4:
        day = chance.choice(days) + chance.randrange(-1, 3) * DAY
    else:
        day = date(2026, 1, 2) + chance.randrange(720) * DAY
    second = chance.choice((chance.randrange(86_400), chance.randrange(24) * 3600 - 1))
    return datetime.combine(day, time(), UTC) + second * SECOND


def may_arrive(rule: str, zone: str, moment: datetime) -> bool:
    """The oracle: what the wall's clock says, against the cases' own table."""
    there = moment.astimezone(ZoneInfo(zone))
    name = rule if rule in RULES else rule.partition("-")[0]
    if there.date().isoformat() in SHUT_DAYS.get(rule, SHUT_DAYS.get(name, ())):
        return False
    wall = there.strftime("%H:%M:%S")
    spans = RULES[name][WEEKDAYS[there.weekday()]]
    return any(f"{opens}:00" <= wall < f"{closes}:00" for opens, closes in spans)


def minutes_between(start: datetime, end: datetime) -> Iterator[datetime]:
    moment = start
    while moment < end:
        yield moment
        moment += MINUTE


def test_l02_no_random_shopper_gets_a_text_outside_their_hours() -> None:
    chance = random.Random(SEED)
    sent = put_off = walked = 0
    for _ in range(SHOPPERS):
        who = shopper(chance)
        now = instant(chance, who.zone)
        where = locate(who.home, SHOP)
        opening = find_opening(where, AS_THE_RULES, now)
        told = (who, where, now, opening)
        assert opening.at is not None, told
        assert opening.until is not None, told
        for moment in (opening.at, opening.until - SECOND):
            assert may_arrive(who.rule, who.zone, moment), told
        sent += 1
        if opening.at == now:
            continue
        put_off += 1
        assert opening.at > now, told
        if where.zones == (who.zone,) and chance.random() < 0.1:
            walked += 1
            early = [each for each in minutes_between(now, opening.at)
                     if may_arrive(who.rule, who.zone, each)]  # fmt: skip
            assert early == [], told
    sys.stdout.write(f"{sent} texts, {put_off} put off, {walked} walked minute by minute\n")
    assert put_off > SHOPPERS // 4
