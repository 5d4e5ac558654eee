"""Countries as files write them: by their codes, and by their names in every language."""

import pickle
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from babel.core import get_global
from babel.localedata import locale_identifiers, resolve_locale_filename

# Names beside CLDR's: ISO 3166-1's short names, Shopify's own list (its customers' export), the
# names before a country changed it, and what people call it.
OTHER_NAMES = {
    "america": "US", "united states of america": "US", "u.s.": "US", "u.s.a.": "US",
    "u.k.": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB",
    "united kingdom of great britain and northern ireland": "GB",
    "republic of ireland": "IE", "eire": "IE", "éire": "IE",
    "holland": "NL", "the netherlands": "NL", "netherlands, kingdom of the": "NL",
    "turkey": "TR", "czech republic": "CZ", "slovak republic": "SK", "macedonia": "MK",
    "bosnia": "BA", "republic of moldova": "MD", "russian federation": "RU",
    "korea": "KR", "republic of korea": "KR", "korea, republic of": "KR", "south korea": "KR",
    "hong kong": "HK", "hong kong sar": "HK", "香港": "HK", "中国香港": "HK",
    "macau": "MO", "macao": "MO", "macao sar": "MO", "澳门": "MO", "澳門": "MO", "中国澳门": "MO",
    "taiwan": "TW", "taiwan, province of china": "TW", "台湾": "TW", "台灣": "TW", "臺灣": "TW",
    "china, people's republic of": "CN", "people's republic of china": "CN", "mainland china": "CN",
    "viet nam": "VN", "burma": "MM", "east timor": "TL", "brunei darussalam": "BN",
    "iran, islamic republic of": "IR", "syrian arab republic": "SY", "uae": "AE", "u.a.e.": "AE",
    "ksa": "SA", "palestine": "PS", "lao people's democratic republic": "LA",
    "ivory coast": "CI", "cape verde": "CV", "swaziland": "SZ",
    "tanzania, united republic of": "TZ", "venezuela, bolivarian republic of": "VE",
    "bolivia, plurinational state of": "BO", "vatican": "VA", "holy see": "VA",
}  # fmt: skip
# Of CLDR's territories with two letters no countries: groups, and what is for tests.
_NO_COUNTRIES = frozenset(("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"))


def country_of(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country by a code or a name of it, or None."""
    name = _folded(text)
    if not name:
        return None
    return _common_names().get(name) or _names().get(name)


@lru_cache(1)
def _common_names() -> Mapping[str, str]:
    """Codes, English names and `OTHER_NAMES`: with these alone, a file is read in 11 MB less."""
    return _unambiguous(["en"])


@lru_cache(1)
def _names() -> Mapping[str, str]:
    """CLDR's codes and names in every language, and `OTHER_NAMES`."""
    return _unambiguous(locale_identifiers())


def _unambiguous(locales: Iterable[str]) -> Mapping[str, str]:
    """Names in some languages, without those that mean two countries."""
    meant: dict[str, str] = {}  # "" where it is two countries' name: sets would take 8 MB
    for locale in locales:
        # Babel's own way in keeps whole languages for good: some 150 MB.
        with Path(resolve_locale_filename(locale)).open("rb") as file:
            territories = pickle.load(file).get("territories", {})
        for code, name in territories.items():
            if _is_country(code) and isinstance(name, str):
                folded = _folded(name)
                meant[folded] = code if meant.get(folded, code) == code else ""
                meant[code.lower()] = code
    for old, (code, *others) in get_global("territory_aliases").items():
        if not others and _is_country(code) and old.isalpha():  # alpha-3, and UK
            meant.setdefault(old.lower(), code)
    found = {name: code for name, code in meant.items() if code}
    return found | {_folded(name): code for name, code in OTHER_NAMES.items()}


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
