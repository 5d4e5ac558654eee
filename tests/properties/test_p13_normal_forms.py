"""P13: a normal form stays as it is, and reads back what it was written from."""

from decimal import Decimal

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat as Format

from plugin.values import currency_decimals, parse_email, parse_phone, to_decimal, to_minor_units
from tests.properties.examples import thousand

LANDS = ("US", "GB", "DE", "FR", "CN", "HK", "JP", "KR", "AU", "BR", "IN", "ZA", "NG", "AE")
CURRENCIES = (
    "USD",
    "EUR",
    "CNY",
    "JPY",
    "KRW",
    "KWD",
    "TND",
    "HUF",
    "CLP",
    "ISK",
    "IQD",
    "RSD",
    "CLF",
)

MOBILE = phonenumbers.PhoneNumberType.MOBILE
numbers = st.builds(
    lambda land, tail: (
        str(phonenumbers.example_number_for_type(land, MOBILE).country_code)
        + f"{phonenumbers.example_number_for_type(land, MOBILE).national_number}"[:-3]
        + f"{tail:03}"
    ),
    st.sampled_from(LANDS),
    st.integers(0, 999),
)
letters = st.text("abCÀßıİ中.+-_'", min_size=1, max_size=12)
plain = st.text("abCxn.+-_'\"(1@", min_size=1, max_size=12)


@thousand
@given(
    typed=st.one_of(
        st.builds(lambda a, b: f"  {a}@{b}.Example ", letters, letters),
        st.builds(lambda a, b: f"{a}@{b}.Com", plain, plain),
        st.text("ab@.é ", max_size=9),
    )
)
def test_p13_an_address_in_normal_form_is_its_own(typed):
    normal = parse_email(typed)

    assert normal == by_the_library(typed)
    if normal is not None:
        assert parse_email(normal) == normal
        assert parse_email(f" {normal} ") == normal
        assert normal == normal.strip()


def by_the_library(typed: str) -> str | None:
    try:
        return validate_email(typed.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


@thousand
@given(typed=numbers, form=st.sampled_from([Format.E164, Format.INTERNATIONAL, Format.RFC3966]))
def test_p13_a_number_reads_back_from_however_it_is_written(typed, form):
    normal = parse_phone(f"+{typed}")
    assume(normal is not None)  # a few of a country's numbers are not given out

    assert parse_phone(normal) == normal
    assert parse_phone(phonenumbers.format_number(phonenumbers.parse(normal), form)) == normal


@thousand
@given(amount=st.integers(-(10**13), 10**13), currency=st.sampled_from(CURRENCIES))
def test_p13_an_amount_reads_back_from_its_decimal(amount, currency):
    digits = currency_decimals(currency)
    written = str(Decimal(amount).scaleb(-digits))

    assert to_minor_units(written, currency) == amount
    assert to_minor_units(to_decimal(amount, currency), currency) == amount
    assert to_minor_units(f"{Decimal(amount).scaleb(-digits):f}", currency) == amount
