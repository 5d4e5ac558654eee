"""A language for shoppers is one file: pages, forms and emails speak it with no change of code."""

from pathlib import Path

import pytest
from babel.core import Locale
from babel.localedata import locale_identifiers
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from plugin import texts
from plugin.forms import library as form_library
from plugin.forms.definition import texts as texts_of_form
from plugin.templates import library as email_library
from plugin.templates.compile import compile_template
from plugin.texts import (
    is_right_to_left,
    locales,
    nearest_locale,
    same_language,
    texts_for,
    translations,
)
from webhooks.shopper_pages import render_template


@pytest.fixture
def arabic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third language: one file, with some of the texts translated."""
    catalogue = Catalog(locale="ar")
    catalogue.add("English", "العربية")
    catalogue.add("Visit the shop", "زيارة المتجر")
    catalogue.add("Unsubscribe", "إلغاء الاشتراك")
    catalogue.add("Email address", "البريد الإلكتروني")
    catalogue.add(
        ("For %(num)s month", "For %(num)s months"),
        ("", "شهر واحد", "شهران", "%(num)s أشهر", "%(num)s شهرًا", "%(num)s شهر"),
    )
    path = tmp_path / "ar" / "LC_MESSAGES" / "shoppers.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, catalogue)
    monkeypatch.setattr(texts, "CATALOGUES", tmp_path)


def test_a_new_file_is_a_new_language_read_from_the_right(arabic: None) -> None:
    found = texts_for("ar-EG")

    assert locales() == ("en", "ar")
    assert (found.locale, found.direction, found.language_name) == ("ar", "rtl", "العربية")
    assert found.text("Unsubscribe") == "إلغاء الاشتراك"
    assert found.text("Save") == "Save", "without a translation it stands in English"


def test_plurals_follow_the_rules_of_the_language(arabic: None) -> None:
    months = ("For %(num)s month", "For %(num)s months")

    arabic_months = [texts_for("ar").plural(*months, count) for count in (1, 2, 3)]
    english_months = [texts_for("en").plural(*months, count) for count in (1, 3)]

    assert arabic_months == ["شهر واحد", "شهران", "3 أشهر"]
    assert english_months == ["For 1 month", "For 3 months"]


def test_pages_forms_and_emails_take_the_new_language(arabic: None) -> None:
    page = render_template(
        "shopper.html", texts_for("ar"), title="", shop_url="https://dew.example"
    )
    form = translations(texts_of_form(form_library.FORMS[form_library.STARTER].version()))
    mail = email_library.MAILS[email_library.FIRST]
    words = translations(mail.texts())
    made = compile_template(mail.subject, mail.preview, mail.blocks, words)

    assert '<html lang="ar" dir="rtl">' in bytes(page.body).decode()
    assert "زيارة المتجر" in bytes(page.body).decode()
    assert form == {"ar": {"Email address": "البريد الإلكتروني"}}
    assert ">إلغاء الاشتراك<" in made["ar"]["html"]


@pytest.mark.parametrize(
    ("wanted", "locale"),
    [
        (("zh-CN",), "zh-CN"),
        (("zh_TW",), "zh-CN"),
        (("ZH-hans",), "zh-CN"),
        (("fr", "zh"), "zh-CN"),
        (("en-GB", "zh"), "en"),
        (("fr",), "en"),
        ((None, ""), "en"),
        ((), "en"),
        (("../en",), "en"),
    ],
)
def test_the_nearest_language_is_taken_or_english(wanted: tuple[str, ...], locale: str) -> None:
    assert texts_for(*wanted).locale == locale


def test_a_neighbour_is_read_before_a_stranger() -> None:
    assert nearest_locale("pt_br", ["fr", "pt-PT", "pt-BR"]) == "pt-BR"
    assert nearest_locale("pt-AO", ["fr", "pt-PT", "pt-BR"]) == "pt-BR"
    assert nearest_locale("de", ["fr"]) is None


def test_every_language_reads_in_the_direction_that_cldr_gives_it() -> None:
    known = locale_identifiers()

    assert len(known) > 800
    differing = [
        locale
        for locale in known
        if is_right_to_left(locale) != (Locale.parse(locale).text_direction == "rtl")
    ]
    assert differing == []


def test_a_language_is_known_by_its_old_name() -> None:
    assert is_right_to_left("iw")
    assert same_language("iw-IL", "he")
    assert same_language("no-NO", "nb")
    assert nearest_locale("iw", ["fr", "he"]) == "he"
    assert not same_language("ku", "ckb")
