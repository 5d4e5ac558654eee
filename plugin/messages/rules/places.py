"""Where a person is, for the hours: which law holds, and by which clocks."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from plugin import clock
from plugin.messages.rules import rows
from plugin.messages.rules.rows import PlaceRow, PostalStates
from plugin.phones.numbers import OTHER_CODES
from plugin.phones.places import country_of_phone, zones_by_country, zones_of_phone

AREA_CODE = slice(2, 5)  # of +1 305 555 0123
NOWHERE = "ZZ"  # CLDR's country of Etc/Unknown


class ZoneBasis(StrEnum):
    """What a person's clock was concluded from."""

    OWN = "own"  # the zone that their profile names
    ADDRESS = "address"
    PHONE = "phone"
    COUNTRY = "country"  # all clocks of their country
    SHOP = "shop"


class Home(NamedTuple):
    """What is known of where a person lives; "" is unknown."""

    country: str = ""
    region: str = ""
    postal_code: str = ""
    timezone: str = ""
    phone: str = ""


class ShopPlace(NamedTuple):
    """Where the shop is: the last resort."""

    country: str = ""
    timezone: str = ""


class Whereabouts(NamedTuple):
    """The law that a message to a person is under, and the clocks that must all allow it."""

    country: str
    state: str
    zones: tuple[str, ...]
    basis: ZoneBasis


@lru_cache(8192)
def locate(home: Home, shop: ShopPlace) -> Whereabouts:
    """Return where a person is: by their own zone or address first, then their number, then the
    shop.

    A mobile moves with its owner, so a number says only what no address says.
    """
    theirs, number = _country(home.country), country_of_phone(home.phone) or ""
    country, state = _whole(theirs or number or _country(shop.country))
    state = state or _state(country, home)
    is_numbers = bool(number) and _whole(number)[0] == country
    addressed = state
    if not state and is_numbers:
        state = _whole(number)[1] or _state_of_number(country, home.phone)
    zones: Collection[str]
    zones, basis = _clocks(home, country, addressed, by_phone=is_numbers)
    if not zones or not (theirs or number or basis == ZoneBasis.OWN):
        zones, basis = frozenset(_own_zone(shop.timezone) or ("UTC",)), ZoneBasis.SHOP
    return Whereabouts(country, state, tuple(sorted(zones)), basis)


def _clocks(
    home: Home, country: str, state: str, *, by_phone: bool
) -> tuple[Collection[str], ZoneBasis]:
    """A person's clocks; `by_phone`: their number is of the country of their address."""
    if own := _own_zone(home.timezone):
        return own, ZoneBasis.OWN
    if found := _zones_of_place(country, state, home.postal_code):
        return found, ZoneBasis.ADDRESS
    whole = zones_of_country(country)
    told = zones_of_phone(home.phone) & clock.zone_names() if by_phone else frozenset()
    if len(whole) == 1:
        # Addresses overseas often name the whole country alone: then both clocks must allow it.
        is_overseas = _whole(country_of_phone(home.phone) or "")[1] != ""
        return {*whole, *told} if is_overseas else whole, ZoneBasis.COUNTRY
    return (told, ZoneBasis.PHONE) if told else (whole, ZoneBasis.COUNTRY)


def _own_zone(name: str) -> tuple[str, ...]:
    """A zone that is a place; an offset is none, for it knows no summer time."""
    is_place = "/" in name and not name.startswith("Etc/") and name in clock.zone_names()
    return (name,) if is_place else ()


def _country(code: str) -> str:
    code = code.strip().upper()
    code = OTHER_CODES.get(code, code)
    return code if code in _zones_by_country() else ""


def _whole(country: str) -> tuple[str, str]:
    """The country that makes the law in one of its parts, and that part as its state."""
    for file in rows.places():
        for whole, parts in file.parts.items():
            if country in parts:
                return whole, parts[country]
    return country, ""


def _state(country: str, home: Home) -> str:
    """The state that an address names; "" where it names none that we know."""
    if _whole(_country(home.country))[0] != country:
        return ""
    if digits := _postal_states().get(country):
        code = home.postal_code.strip()
        more = code.startswith(tuple(digits.longer)) if digits.longer else False
        return code[: digits.chars + more] if len(code) > digits.chars + more else ""
    named = home.region.strip()
    code = named.upper().removeprefix(f"{country}-")
    return code if code in _states_of(country) else _names_of(country).get(named.lower(), "")


def _state_of_number(country: str, phone: str) -> str:
    return rows.states_of_area_codes().get((country, phone[AREA_CODE]), "")


@lru_cache(64)
def _states_of(country: str) -> frozenset[str]:
    return frozenset(state for row in _places_of(country) for state in row.states)


@lru_cache(64)
def _names_of(country: str) -> Mapping[str, str]:
    return {k: v for file in rows.places() for k, v in file.names.get(country, {}).items()}


@lru_cache(1)
def _postal_states() -> Mapping[str, PostalStates]:
    return {k: v for file in rows.places() for k, v in file.states_by_postal_code.items()}


@lru_cache(64)
def _places_of(country: str) -> Sequence[PlaceRow]:
    return [row for file in rows.places() for row in file.places if row.country == country]


def _zones_of_place(country: str, state: str, postal_code: str) -> Sequence[str]:
    """The zones of the row that says most of an address; none where it says no more than the
    country.
    """
    code = "".join(postal_code.upper().split())
    best: tuple[tuple[bool, int], Sequence[str]] = ((False, -1), ())
    for row in _places_of(country):
        if row.states and state not in row.states:
            continue
        begins = [each for each in row.postal_codes if code and code.startswith(each)]
        if row.postal_codes and not begins:
            continue
        if not (row.states or row.postal_codes):
            continue
        said = (bool(row.states), max(map(len, begins), default=-1))
        best = max(best, (said, row.zones), key=lambda each: each[0])
    return best[1]


@lru_cache(512)
def zones_of_country(country: str) -> Sequence[str]:
    """All zones of a country."""
    for row in _places_of(country):
        if not (row.states or row.postal_codes):
            return tuple(row.zones)
    return _zones_by_country().get(country, ())


@lru_cache(1)
def _zones_by_country() -> Mapping[str, Sequence[str]]:
    """Without countries that have no clock of tzdata's."""
    known = {
        country: tuple(zone for zone in zones if zone in clock.zone_names())
        for country, zones in zones_by_country().items()
        if country != NOWHERE
    }
    return {country: zones for country, zones in known.items() if zones}
