"""Numbers as people type them: which number it is, its kind, and where its clock stands."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from plugin.forms.submission import parse_submission
from plugin.imports.rows import RowParser
from plugin.phones.numbers import TextAbility, TextRefusal, may_text, read_phone, text_refusal
from plugin.phones.places import PLACED, country_of_phone, zones_of_phone
from plugin.sheets.records import Row
from plugin.values import parse_phone
from storage.consent_ledger import ConsentState
from storage.forms import FormVersion
from storage.imports import Import, ProblemCode

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("phone_numbers.json").read_text()
)
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOBILE, LANDLINE = "+4915123456789", "+493012345678"


@pytest.mark.parametrize(
    "case", CASES["phones"], ids=lambda c: f"{c['input'] or 'nothing'} in {c['default_region']}"
)
def test_a_number_is_read_with_its_kind_and_its_time_zones(case: dict[str, Any]) -> None:
    number = read_phone(case["input"], case["default_region"])

    if case["e164"] is None:
        assert number is None, case.get("why")
        return
    assert number is not None
    said = (number.e164, number.kind, str(number.may_text))
    assert said == (case["e164"], case["type"], case["may_text"]), case.get("why")
    assert sorted(zones_of_phone(number.e164)) == case["time_zones"], case.get("why")


def form(phone: str, said: str, shop: str, *, sms: bool = False) -> tuple[Any, dict[str, str]]:
    version = FormVersion(
        shop_id=1, form_id=1, version=1, definition={"versions": []}, compiled={}, created_at=AT
    )
    body = {
        "email": "maya@example.com", "phone": phone, "country": said, "locale": "en",
        "consent": {"sms": sms},
    }  # fmt: skip
    return parse_submission(version, body, shop)


def rows(*cells: str, shop: str = "DE") -> Any:
    held = Import(
        shop_id=1, id=1, file_name="f.csv", created_at=AT,
        mapping=["email", "phone", "country", "sms_consent"],
        columns=["Email", "Phone", "Country", "SMS"], declaration={},
    )  # fmt: skip
    row = Row(2, 0, 1, 3, ["maya@example.com", *cells])
    return RowParser(held, shop).parse([row])


@pytest.mark.parametrize(
    "case", CASES["where"], ids=lambda c: f"{c['typed']} from {c['country_said'] or 'nowhere'}"
)
def test_the_country_that_is_said_reads_a_number_before_the_shops(case: dict[str, Any]) -> None:
    typed, said, shop = (case[name] for name in ("typed", "country_said", "shop_country"))

    if case["door"] == "form":
        phone = form(typed, said, shop)[0].phone
    else:
        phone = rows(typed, said, "", shop=shop).facts.profiles[0].fields["phone"]

    assert phone == case["e164"]
    assert parse_phone(typed, shop) == case["by_the_shops_country"]


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("9123 4567 / 9876 5432", "HK"),
        ("030 123456 / 654321", "DE"),
        ("0301234, 0305678", "DE"),
        ("030 1234567 or 030 7654321", "DE"),
    ],
)
def test_two_numbers_in_one_cell_are_none(typed: str, country: str) -> None:
    assert read_phone(typed, country) is None


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("+49 36206/123456", "+4936206123456"),
        ("030/12345678", "+493012345678"),
        ("15123456789", "+4915123456789"),
    ],
)
def test_a_slash_behind_the_area_or_a_lost_zero_makes_no_other_number(
    typed: str, e164: str
) -> None:
    number = read_phone(typed, "DE")

    assert number is not None
    assert number.e164 == e164


def test_digits_that_may_be_a_strangers_mobile_are_no_number() -> None:
    assert parse_phone("33612345678", "DE") is None
    assert parse_phone("+33612345678", "DE") == "+33612345678"


def test_two_extensions_of_one_line_are_two_people_and_so_no_identity() -> None:
    assert read_phone("+1 415 555 2671 ext. 22") is not None
    assert parse_phone("+1 415 555 2671 ext. 22") is None


@given(
    region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    kind=st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.PAGER]),
    shop=st.sampled_from([None, "DE", "US", "IT", "BR"]),
)
def test_a_number_in_full_is_itself_in_every_shop(region: str, kind: int, shop: str | None) -> None:
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)

    number = read_phone(e164, shop)

    assert number is not None
    assert number.e164 == e164
    assert parse_phone(e164[1:], region) in (e164, None)


def test_a_form_takes_no_consent_to_texts_for_a_number_that_receives_none() -> None:
    refused, errors = form(LANDLINE, "DE", "DE", sms=True)
    without, _ = form(LANDLINE, "DE", "DE")
    taken, _ = form(MOBILE, "DE", "DE", sms=True)

    assert (refused, errors) == (None, {"phone": "This number can't receive texts."})
    assert (without.phone, without.sms) == (LANDLINE, False)
    assert (taken.phone, taken.sms) == (MOBILE, True)


def test_a_file_gives_no_consent_to_texts_to_a_number_that_receives_none() -> None:
    taken, refused = rows(MOBILE, "", "yes"), rows(LANDLINE, "", "yes")

    assert [each.state for each in taken.facts.consents] == [ConsentState.SUBSCRIBED]
    assert refused.facts.consents == []
    assert refused.problems == [(2, 1, ProblemCode.NO_TEXTS)]
    assert refused.facts.profiles[0].fields["phone"] == LANDLINE
    assert [each.state for each in rows(LANDLINE, "", "unsubscribed").facts.consents] == [
        ConsentState.UNSUBSCRIBED
    ]


def test_only_what_may_be_a_mobile_receives_texts() -> None:
    assert [may_text(each) for each in (MOBILE, LANDLINE, "+18002530000")] == [True, False, False]


NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"


@pytest.mark.parametrize(
    ("e164", "zones"),
    [
        ("+5581991234567", {"America/Recife"}),
        ("+5593991234567", {"America/Santarem"}),
        ("+526141234567", {"America/Chihuahua"}),
        ("+526271234567", {"America/Chihuahua"}),
        ("+61740123456", {"Australia/Brisbane"}),
        ("+12507821234", {"America/Dawson_Creek"}),
        ("+74012123456", {"Europe/Kaliningrad"}),
        ("+212661234567", {"Africa/Casablanca"}),
        ("+211912345678", {"Africa/Juba"}),
        ("+18504321234", {CHICAGO}),
        ("+14232651234", {NEW_YORK}),
        ("+18505551234", {CHICAGO, NEW_YORK}),
        ("+12195551234", {CHICAGO, NEW_YORK}),
        ("+14235551234", {CHICAGO, NEW_YORK}),
        ("+14485551234", {CHICAGO, NEW_YORK}),
        ("+19315551234", {CHICAGO, NEW_YORK}),
        ("+18002530000", set()),
        ("+18005550", set()),
        ("nothing", set()),
    ],
)
def test_a_number_has_all_clocks_that_its_place_may_have(e164: str, zones: set[str]) -> None:
    assert zones_of_phone(e164) == zones


TWO_CLOCKS = (
    "850 448 219 812 930 270 364 423 931 906 785 620 308 605 701 208 986 541 458 775 928 250 807"
    " 867 709"
)


@pytest.mark.parametrize("area", TWO_CLOCKS.split())
def test_an_area_code_of_two_clocks_has_both_where_the_exchange_is_not_known(area: str) -> None:
    zones = {ZoneInfo(zone) for zone in zones_of_phone(f"+1{area}5551234")}
    year = [AT + timedelta(days=30 * month) for month in range(12)]

    assert len({tuple(zone.utcoffset(at) for at in year) for zone in zones}) > 1


def test_every_zone_of_a_number_has_a_clock() -> None:
    named = {zone for zones in TIMEZONE_DATA.values() for zone in zones}

    assert named.union(*PLACED.values()) <= available_timezones()


def test_the_law_is_that_of_the_numbers_own_country() -> None:
    numbers = ("+447911123456", "+77011234567", "+18762101234", "+390669812345", "+80012345678")

    assert [country_of_phone(each) for each in numbers] == ["GG", "KZ", "JM", "VA", None]


@pytest.mark.parametrize("case", [case for case in CASES["phones"] if case["e164"]])
def test_what_gets_no_texts_says_why(case: dict[str, Any]) -> None:
    number = read_phone(case["input"], case["default_region"])
    assert number is not None

    refusal = TextRefusal.EXTENSION if number.extension else text_refusal(number.e164)

    assert (refusal is not None) == (number.may_text == TextAbility.NO)


def test_a_number_that_gets_no_texts_has_its_own_reason() -> None:
    numbers = ("+18002530000", "+448451234567", "+4970012345678", MOBILE, "+12", "+493012345678")

    assert [text_refusal(each) for each in numbers] == [
        TextRefusal.TOLL_FREE, TextRefusal.PREMIUM_RATE, TextRefusal.PERSONAL_NUMBER, None,
        TextRefusal.NO_NUMBER, TextRefusal.FIXED_LINE,
    ]  # fmt: skip


def test_two_countries_are_known_by_their_other_codes() -> None:
    assert parse_phone("07400 123456", "UK") == "+447400123456"
    assert parse_phone("691 234 5678", "EL") == "+306912345678"
