"""Say which country's law a number is under, and where its clock may stand."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import phonenumbers
from babel.core import get_global
from phonenumbers import PhoneNumberType as Type
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from plugin.phones.numbers import parse_e164, text_of_e164

# Countries of one plan, yet not of one clock: only the digits say which.
SHARED_PLANS = frozenset((1, 7, 262))
# The library places these countries' mobiles, where the digits say only who sold them.
UNPLACED_MOBILES = frozenset((62,))
NORTH_AMERICA = 1
AREA_CHARS = len("+1850")
# What phonenumbers 9.0.43 places under another clock than the place has in tzdata 2026.6. A longer
# beginning wins. Chihuahua left the Pacific's time in 2022 (DOF 2022-10-28, 2022-11-29), British
# Columbia's clocks no longer change since 2026; Queensland has no summer time.
PLACED = {
    "+5581": ("America/Recife",),
    "+55813619": ("America/Noronha",),
    "+5593": ("America/Santarem",),
    "+5597": ("America/Manaus", "America/Eirunepe"),
    "+617": ("Australia/Brisbane",),
    "+6175": ("Australia/Brisbane", "Australia/Sydney"),
    "+61889": ("Australia/Darwin",),
    "+1250782": ("America/Dawson_Creek",),
    "+7401": ("Europe/Kaliningrad",),
    "+52636": ("America/Chihuahua", "America/Ciudad_Juarez"),
} | {
    f"+52{area}": ("America/Chihuahua",)
    for area in (614, 621, 625, 627, 628, 629, 635, 639, 648, 652, 659)
}
# Area codes that lie over an older one, and so in the same places.
OVERLAYS = {
    "+1448": "+1850", "+1930": "+1812", "+1364": "+1270", "+1458": "+1541", "+1581": "+1418",
    "+1367": "+1418", "+1778": "+1250", "+1236": "+1250", "+1672": "+1250",
}  # fmt: skip
# An area code of two clocks of which the library knows one.
OTHER_CLOCKS = {"+1931": ("America/New_York",)}


@lru_cache(4096)
def country_of_phone(e164: str) -> str | None:
    """Return the country (ISO 3166-1) that a number belongs to; None of one that has no country.

    Its law holds for what goes there, not that of the calling code, which many share.
    """
    number = parse_e164(e164)
    region = None if number is None else phonenumbers.region_code_for_number(number)
    return region if region and region.isalpha() else None


@lru_cache(4096)
def zones_of_phone(e164: str) -> frozenset[str]:
    """Return all zones (IANA) that a number may be in: quiet hours must hold in each of them.

    It is empty of a number that has no place, and of none. A person who moved kept their number,
    so what a shopper's own address says goes before.
    """
    number = parse_e164(e164)
    if number is None:
        return frozenset()
    return frozenset(_placed(e164) or _all_of_area(number) or _of_library(number))


def _placed(e164: str) -> Collection[str]:
    found = [begins for begins in PLACED if e164.startswith(begins)]
    return PLACED[max(found, key=len)] if found else ()


def _all_of_area(number: phonenumbers.PhoneNumber) -> Collection[str]:
    """Both zones of an area code that lies in two, where the library does not know the exchange: it
    would name one of them.
    """
    if number.country_code != NORTH_AMERICA:
        return ()
    area = text_of_e164(number)[:AREA_CHARS]
    known = _zones_of_areas().get(OVERLAYS.get(area, area), frozenset())
    more = OTHER_CLOCKS.get(area, ())
    if not more and (len(known) < 2 or _knows_exchange(text_of_e164(number))):
        return ()
    return known.union(more)


@lru_cache(1)
def _zones_of_areas() -> Mapping[str, frozenset[str]]:
    """All zones that the library knows within each area code of North America."""
    found: dict[str, frozenset[str]] = {}
    for begins, zones in TIMEZONE_DATA.items():
        if begins[0] == str(NORTH_AMERICA) and len(begins) >= AREA_CHARS - 1:
            area = f"+{begins[: AREA_CHARS - 1]}"
            found[area] = found.get(area, frozenset()).union(zones)
    return found


def _knows_exchange(e164: str) -> bool:
    digits = e164[1:]
    return any(digits[:count] in TIMEZONE_DATA for count in range(AREA_CHARS, len(digits)))


def _of_library(number: phonenumbers.PhoneNumber) -> Collection[str]:
    if number.country_code in SHARED_PLANS:
        found = timezone.time_zones_for_geographical_number(number)
        if found == _zones_of_plan(number.country_code):
            return ()
    elif number.country_code in UNPLACED_MOBILES and (
        phonenumbers.number_type(number) == Type.MOBILE
    ):
        found = _zones_of_plan(number.country_code)
    else:
        found = timezone.time_zones_for_number(number)
    if found == ("Etc/Unknown",):
        return ()
    # The library names a neighbour's zone for some countries, of another clock for parts of the
    # year (Algeria by Paris, Libya by Bucharest); CLDR knows their own.
    regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    zones, aliases = zones_by_country(), get_global("zone_aliases")
    own = [zone for region in regions for zone in zones.get(region, ())]
    if any(aliases.get(zone, zone) in own for zone in found):
        return tuple(found)
    here = zones.get(phonenumbers.region_code_for_number(number) or "", ())
    return tuple(here) or tuple(found)


@lru_cache(16)
def _zones_of_plan(country_code: int) -> tuple[str, ...]:
    """All zones of a calling code: those of a number that has no place."""
    region = phonenumbers.region_code_for_country_code(country_code)
    free = phonenumbers.example_number_for_type(region, Type.TOLL_FREE)
    return () if free is None else tuple(timezone.time_zones_for_number(free))


@lru_cache(1)
def zones_by_country() -> Mapping[str, Sequence[str]]:
    """All zones of each country (ISO 3166-1), as CLDR has them."""
    found: dict[str, list[str]] = {}
    for zone, region in get_global("zone_territories").items():
        found.setdefault(region, []).append(zone)
    return found
