"""The texts of pages, forms and emails that shoppers read, by locale.

A language is one file, `plugin/locale/<code>/LC_MESSAGES/shoppers.po`, with English as its msgids.
It is read when it is first needed; there is no build step. `python -m admin_ui.kit.catalogue`
brings the files up to date after a text has changed.
"""

import gettext
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.core import get_global, parse_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN = "shoppers"  # gettext's word for the name of a catalogue
SOURCE = "en"  # the language that the msgids are written in
# The scripts of living languages that are written from the right (CLDR, scriptMetadata).
RIGHT_TO_LEFT = {
    "Adlm", "Arab", "Aran", "Gara", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa",
    "Yezi",
}  # fmt: skip


def N_(text: str) -> str:  # noqa: N802  (gettext's own name for it)
    """Mark a text for the catalogue where it is named, to be translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; one without a translation stands in English."""

    locale: str  # as HTML's `lang` has it: zh-CN
    _catalogue: gettext.NullTranslations

    @property
    def direction(self) -> str:
        """For HTML's `dir`."""
        return "rtl" if is_right_to_left(self.locale) else "ltr"

    @property
    def language_name(self) -> str:
        """What the language is called in itself."""
        # NOTE: the name of your language in itself, such as Français
        return self.text("English")

    def text(self, text: str, **values: object) -> str:
        """A text in this language, with its `%(name)s` filled in."""
        translated = self._catalogue.gettext(text)
        return translated % values if values else translated

    def plural(self, one: str, many: str, count: int, **values: object) -> str:
        """A text about `count` things; `%(num)s` is the count as this language writes it."""
        number = format_decimal(count, locale=_code(self.locale))
        return self._catalogue.ngettext(one, many, count) % {"num": number, **values}

    def translations(self, texts: Iterable[str]) -> dict[str, str]:
        """Those of these texts that this language has a translation of, by their English."""
        found = {text: self._catalogue.gettext(text) for text in texts if text}
        return {text: translated for text, translated in found.items() if translated != text}


def texts_for(*wanted: str | None) -> Texts:
    """The texts of the first of these locales that there is a language for, or English."""
    offered = locales()
    found = (nearest_locale(locale, offered) for locale in wanted if locale)
    return _texts(CATALOGUES, next(filter(None, found), SOURCE))


def locales() -> tuple[str, ...]:
    """Every language that there is a catalogue of, English first."""
    return _locales(CATALOGUES)


def translations(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """These texts in every language but English: {locale: {English: translated}}."""
    wanted = list(texts)
    return {locale: texts_for(locale).translations(wanted) for locale in locales()[1:]}


def nearest_locale(wanted: str, offered: Iterable[str]) -> str | None:
    """Return the offered locale that suits a reader of the wanted one best: zh-TW takes zh-CN."""
    tag = wanted.replace("_", "-").lower()
    known = sorted(offered)
    exact = (locale for locale in known if locale.lower() == tag)
    near = (locale for locale in known if _language(locale) == _language(tag))
    return next(exact, None) or next(near, None)


def is_right_to_left(locale: str) -> bool:
    """Whether a locale's language is written from the right, in its script or its usual one."""
    return _script(locale) in RIGHT_TO_LEFT


def same_language(left: str, right: str) -> bool:
    """Whether two locales are of one language; `iw` is Hebrew's old name."""
    return _language(left) == _language(right)


@lru_cache(256)
def _script(locale: str) -> str | None:
    """The script that a locale names, else the likely one of its language there (CLDR)."""
    parts = [part for part in locale.replace("-", "_").split("_") if part]
    if named := [part for part in parts[1:] if len(part) == 4 and part.isalpha()]:
        return named[0].title()
    likely = get_global("likely_subtags")
    language = _language(locale)
    places = [part.upper() for part in parts[1:] if len(part) in (2, 3)]
    found = (likely.get("_".join([language, *each])) for each in (places[:1], []))
    return next((parse_locale(full)[2] for full in found if full), None)


@lru_cache(256)
def _language(locale: str) -> str:
    code = locale.replace("_", "-").split("-")[0].lower()
    code = str(get_global("language_aliases").get(code, code)).split("_")[0]
    return "no" if code == "nb" else code


def _code(locale: str) -> str:
    return locale.replace("-", "_")


@lru_cache
def _locales(folder: Path) -> tuple[str, ...]:
    files = folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po")
    return SOURCE, *sorted(file.parts[-3].replace("_", "-") for file in files)


@lru_cache
def _texts(folder: Path, locale: str) -> Texts:
    if locale == SOURCE:
        return Texts(locale, gettext.NullTranslations())
    code = _code(locale)
    with (folder / code / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Texts(locale, gettext.GNUTranslations(compiled))
