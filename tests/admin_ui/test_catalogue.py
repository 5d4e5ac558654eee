"""Every string that a merchant or a shopper can see stands in every language."""

import re

import pytest

from admin_ui.kit import catalogue, words
from admin_ui.kit.catalogue import strings
from admin_ui.kit.language import LANGUAGES, Language, choose
from storage.messages import SkipReason

EACH = [(domain, code) for domain in catalogue.DOMAINS.values() for code in domain.languages()]
each_language = pytest.mark.parametrize(
    ("domain", "code"), EACH, ids=[f"{domain.name}-{code}" for domain, code in EACH]
)


def test_there_is_a_file_for_each_language():
    assert catalogue.ADMIN.languages() == [code for code in LANGUAGES if code != "en"]
    assert "zh_CN" in catalogue.SHOPPERS.languages()


@each_language
def test_no_string_lacks_a_translation(domain, code):
    known = domain.read(code)

    wanted = [message.id for message in domain.extract() if message.id]
    found = {str(m.id): m for m in known if m.id}

    assert len(wanted) > 100
    assert [m for m in wanted if str(m) not in found] == []
    assert [m.id for m in known if m.id and not all(strings(m.string))] == []
    assert [m.id for m in known if m.fuzzy and m.id] == []
    assert sorted(set(found) - {str(m) for m in wanted}) == [], "no longer said anywhere"


@each_language
def test_a_translation_names_the_same_values(domain, code):
    for message in domain.read(code):
        asked = [set(re.findall(r"%\((\w+)\)s", text)) for text in strings(message.id)]
        for text in strings(message.string):
            assert set(re.findall(r"%\((\w+)\)s", text)) == set.union(*asked), message.id


def test_every_reason_that_a_message_can_carry_is_a_sentence():
    assert set(SkipReason) <= set(words.REASONS)
    assert all(said.endswith(".") and said[0].isupper() for said in words.REASONS.values())


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        (("zh-CN",), "zh_Hans"),
        (("", "zh_Hans"), "zh_Hans"),
        (("fr-FR,zh;q=0.8,en;q=0.5",), "zh_Hans"),
        (("en-GB", "zh"), "en"),
        (("fr", "de"), "en"),
        ((), "en"),
    ],
)
def test_the_first_language_that_we_speak_is_taken(wishes, code):
    assert choose(*wishes) == code


def test_money_and_days_are_written_as_the_reader_writes_them():
    english, chinese = Language("en", "America/New_York", "USD"), Language("zh_Hans", "x", "CNY")

    assert english.money(123456) == "$1,234.56"
    assert english.money(1999, "JPY") == "¥1,999"
    assert chinese.money(123456) == "¥1,234.56"
    assert chinese.zone.key == "UTC"
    assert english.percent(0.0423) == "4.2%"
