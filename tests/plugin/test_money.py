from decimal import Decimal

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision

from admin_ui.kit.language import Language
from plugin.money import babel_locale, format_money
from plugin.values import currency_decimals, to_decimal, to_minor_units

FEWER_IN_CLDR = [
    "AFN", "ALL", "IQD", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER",
]  # fmt: skip


def in_use() -> set[str]:
    """The currencies that some territory pays with today."""
    told = get_global("territory_currencies").values()
    return {code for each in told for code, _, until, is_tender in each if is_tender and not until}


def test_decimals_are_iso_4217s_and_no_librarys() -> None:
    used = in_use()

    assert len(used) > 150
    differing = sorted(
        code for code in used if currency_decimals(code) != get_currency_precision(code)
    )
    assert differing == FEWER_IN_CLDR


@pytest.mark.parametrize("currency", FEWER_IN_CLDR)
def test_an_amount_of_theirs_is_read_stored_and_written_to_its_last_decimal(currency: str) -> None:
    digits = 3 if currency == "IQD" else 2
    minor = to_minor_units("1250.5", currency)

    assert minor == 12505 * 10 ** (digits - 1)
    assert to_decimal(minor, currency) == f"{Decimal('1250.5'):.{digits}f}"
    for shown in (format_money(minor, currency, "en"), Language("en").money(minor, currency)):
        assert shown.endswith(f"1,250.{'500'[:digits]}"), shown


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("de-CH", "CHF 1’234.50"), ("fr-US", "1 234,50 CHF"), ("no-NO", "1 234,50 CHF"),
        ("es", "1234,50 CHF"), ("es-MX", "CHF 1,234.50"), ("pt-PT", "1234,50 CHF"),
        ("pl", "1234,50 CHF"), ("zh_Hans", "CHF 1,234.50"), ("tlh", "CHF 1,234.50"),
    ],
)  # fmt: skip
def test_an_amount_is_written_as_the_language_does(locale: str, shown: str) -> None:
    written = format_money(123450, "CHF", locale)

    assert written.replace("\xa0", " ").replace("\u202f", " ") == shown


def test_a_minus_is_the_languages() -> None:
    assert format_money(-350, "SEK", "sv") == "\u22123,50\xa0kr"
    assert format_money(-350, "USD", "en") == "-$3.50"


def test_a_locale_is_its_language_where_the_country_is_unknown() -> None:
    assert str(babel_locale("fr-US")) == "fr"
    assert str(babel_locale("zh-Hant-XX")) == "zh_Hant"
    assert str(babel_locale("x-nowhere")) == "en"
