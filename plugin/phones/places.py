"""Say where a number's clock stands."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import phonenumbers
from babel.core import get_global
from phonenumbers import PhoneNumberType as Type
from phonenumbers import timezone

# Countries of one plan, yet not of one clock: only the digits say which.
SHARED_PLANS = frozenset((1, 7, 262))
# The library places these countries' mobiles, where the digits say only who sold them.
UNPLACED_MOBILES = frozenset((62,))


def time_zones_of(number: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """Return all zones that a number may be in: quiet hours must hold in each of them."""
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
    zones, aliases = _zones_of(), get_global("zone_aliases")
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
def _zones_of() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for zone, region in get_global("zone_territories").items():
        found.setdefault(region, []).append(zone)
    return found
