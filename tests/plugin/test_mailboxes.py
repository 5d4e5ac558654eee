"""Which spellings lead to the same mailbox, and which providers give addresses to anybody."""

import pytest

from plugin.mailboxes import is_free_mail, parse_mailbox


@pytest.mark.parametrize(
    ("spellings", "mailbox"),
    [
        (
            ("kim.lee@gmail.com", "k.i.mlee@googlemail.com", "KimLee+shop@gmail.com"),
            "kimlee@gmail.com",
        ),
        (("kim+a@shop.example", "kim@shop.example"), "kim@shop.example"),
        (("kim@me.com", "kim+x@icloud.com", "kim@mac.com"), "kim@icloud.com"),
        (("kim-shop@yahoo.co.uk", "kim-2@yahoo.co.uk"), "kim@yahoo.co.uk"),
        (("kim.lee@ya.ru", "kim-lee@yandex.com"), "kim.lee@yandex.ru"),
        (("kim_lee@pm.me", "kimlee@protonmail.com"), "kimlee@proton.me"),
    ],
)
def test_other_spellings_lead_to_the_same_mailbox(spellings, mailbox):
    assert {parse_mailbox(each) for each in spellings} == {mailbox}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kim.lee@outlook.com", "kimlee@outlook.com"),  # only some providers overlook dots
        ("kim-lee@shop.example", "kim@shop.example"),
        ("kim@hotmail.com", "kim@outlook.com"),  # two mailboxes of one provider
        ("kim@gmail.com", "kim@gmail.co"),
    ],
)
def test_what_may_be_two_people_stays_two(one, other):
    assert parse_mailbox(one) != parse_mailbox(other)


@pytest.mark.parametrize("address", ["+@gmail.com", "-@yahoo.com", ".@gmail.com", "kim@"])
def test_a_mailbox_is_its_own_mailbox_whatever_is_left_of_its_name(address):
    assert parse_mailbox(parse_mailbox(address)) == parse_mailbox(address)
    assert not parse_mailbox(address).startswith("@")


@pytest.mark.parametrize(
    "domain", ["gmail.com", "yahoo.com", "yahoo.co.jp", "outlook.com", "hotmail.fr", "live.co.uk",
               "gmx.net", "qq.com", "163.com", "web.de"],
)  # fmt: skip
def test_a_provider_gives_its_addresses_to_anybody(domain):
    assert is_free_mail(domain)


@pytest.mark.parametrize("domain", ["dewpoint.example", "live.example.com", "mygmail.com"])
def test_a_shops_own_domain_is_its_own(domain):
    assert not is_free_mail(domain)
