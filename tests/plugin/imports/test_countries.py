import pytest

from plugin.imports.countries import country_of

KNOWN = {
    "UK": "GB", "gb": "GB", "USA": "US", "DEU": "DE", "香港": "HK", "台湾": "TW",
    "Deutschland": "DE", "ALLEMAGNE": "DE", "Brasil": "BR", "Türkiye": "TR", "Turkey": "TR",
    "Czech Republic": "CZ", "Macau": "MO", "日本": "JP", "Россия": "RU", " Viet  Nam ": "VN",
    "United States of America": "US", "Korea, Republic of": "KR", "España": "ES",
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), KNOWN.items())
def test_a_country_is_known_by_its_codes_and_by_its_names_in_every_language(
    name: str, code: str
) -> None:
    assert country_of(name) == code


@pytest.mark.parametrize("name", ["", "Narnia", "EU", "Kongo", "XX"])
def test_what_names_no_country_or_two_is_none(name: str) -> None:
    assert country_of(name) is None
