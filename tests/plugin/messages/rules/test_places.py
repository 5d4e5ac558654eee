"""Where a person is: their own zone or address first, then their number, then the shop."""

import pytest

from plugin.messages.rules.places import Home, ShopPlace, ZoneBasis, locate

SHOP = ShopPlace("DE", "Europe/Berlin")
NEW_YORK, CHICAGO, DENVER = "America/New_York", "America/Chicago", "America/Denver"
MIAMI, PENSACOLA = "+13055550123", "+18504320123"

WHERE = {
    "own zone": (Home("US", "TX", timezone="Europe/Rome"), "US-TX", ["Europe/Rome"], "own"),
    "an offset is no zone": (Home("FR", timezone="Etc/GMT-3"), "FR", ["Europe/Paris"], "country"),
    "no zone at all": (Home("FR", timezone="Mars/Base"), "FR", ["Europe/Paris"], "country"),
    "a state of two": (Home("US", "TX"), "US-TX", [CHICAGO, DENVER], "address"),
    "its postal code": (Home("US", "TX", "79901"), "US-TX", [DENVER], "address"),
    "a whole ZIP": (Home("US", "TX", "79901-1234"), "US-TX", [DENVER], "address"),
    "a state by its name": (Home("US", "Florida", "33101"), "US-FL", [NEW_YORK], "address"),
    "ISO 3166-2": (Home("US", "US-KY"), "US-KY", [CHICAGO, NEW_YORK], "address"),
    "an address before a number": (Home("US", "OR", "97201", phone=MIAMI), "US-OR",
                                   ["America/Los_Angeles"], "address"),
    "a number where the state is unknown": (Home("US", phone=MIAMI), "US-FL", [NEW_YORK], "phone"),
    "a number alone": (Home(phone=PENSACOLA), "US-FL", [CHICAGO], "phone"),
    "a number of another country": (Home("GB", phone=MIAMI), "GB", ["Europe/London"], "country"),
    "Puerto Rico by ISO": (Home("PR"), "US-PR", ["America/Puerto_Rico"], "address"),
    "Puerto Rico by Shopify": (Home("US", "PR"), "US-PR", ["America/Puerto_Rico"], "address"),
    "Réunion by its code": (Home("RE"), "FR-974", ["Indian/Reunion"], "address"),
    "Réunion by postal code": (Home("FR", postal_code="97400"), "FR-974", ["Indian/Reunion"],
                               "address"),
    "France, but a number of Réunion": (Home("FR", phone="+262692123456"), "FR-974",
                                        ["Europe/Paris", "Indian/Reunion"], "country"),
    "the Canaries": (Home("ES", postal_code="35001"), "ES", ["Atlantic/Canary"], "address"),
    "Spain": (Home("ES", postal_code="28001"), "ES", ["Europe/Madrid"], "address"),
    "somewhere in Spain": (Home("ES"), "ES", ["Atlantic/Canary", "Europe/Madrid"], "country"),
    "what some sheets call it": (Home("UK"), "GB", ["Europe/London"], "country"),
    "nothing": (Home(), "DE", ["Europe/Berlin"], "shop"),
    "no country": (Home("ZZ"), "DE", ["Europe/Berlin"], "shop"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHERE)
def test_where_a_person_is(name: str) -> None:
    home, law, zones, basis = WHERE[name]

    found = locate(home, SHOP)

    assert "-".join(filter(None, (found.country, found.state))) == law
    assert list(found.zones) == zones
    assert found.basis == basis


def test_an_american_of_whom_no_place_is_known_is_on_all_clocks() -> None:
    found = locate(Home("US", phone="+18005550199"), SHOP)

    assert found.basis == ZoneBasis.COUNTRY
    assert {NEW_YORK, "Pacific/Honolulu"} < set(found.zones)


def test_a_shop_without_a_zone_lives_by_utc() -> None:
    assert locate(Home(), ShopPlace()).zones == ("UTC",)
