"""What a sender's domain says of its mail in DNS, asked of a name server on loopback."""

import pytest

from plugin.channels.email import sender_dns
from plugin.channels.email.sender_dns import RecordState, names_shop, read_sender_dns
from plugin.settings import Settings, get_settings
from tests.plugin.channels.name_server import serving

KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEF" * 15  # longer than one string of a record


@pytest.fixture
def names(monkeypatch):
    """The name server that is asked; relays' keys stand under `mail`."""
    with serving({}) as server:
        monkeypatch.setenv("REGULARS_DNS_SERVERS", server.address)
        monkeypatch.setenv("REGULARS_DKIM_SELECTORS", "mail")
        get_settings.cache_clear()
        yield server
    get_settings.cache_clear()


def test_a_domain_with_all_three_records_is_said_to_have_them(names):
    names.records = {
        "shop.example": ["other=1", "v=spf1 include:relay.example -all"],
        "mail._domainkey.shop.example": [KEY],
        "_dmarc.shop.example": ["v=DMARC1; p=quarantine; rua=mailto:a@shop.example"],
    }

    found = read_sender_dns("shop.example")

    assert found == (RecordState.SET, RecordState.SET, RecordState.SET, "quarantine")


def test_a_domain_without_records_is_said_to_lack_them(names):
    missing = RecordState.MISSING
    assert read_sender_dns("shop.example") == (missing, missing, missing, "")


@pytest.mark.parametrize(
    ("records", "spf"),
    [
        (["v=spf1 -all", "v=spf1 +all"], RecordState.BROKEN),  # RFC 7208, 4.5: permerror
        (["v=spf10 -all"], RecordState.MISSING),
        (["V=SPF1"], RecordState.SET),
    ],
)
def test_spf_is_one_record_of_its_version(names, records, spf):
    names.records = {"shop.example": records}
    assert read_sender_dns("shop.example").spf is spf


@pytest.mark.parametrize(
    ("domain", "record", "expected"),
    [
        ("news.shop.example", "v=DMARC1; p=reject", (RecordState.SET, "reject")),
        ("news.shop.example", "v=DMARC1; p=reject; sp=none", (RecordState.SET, "none")),
        ("shop.example", "v=DMARC1; p=reject; sp=none", (RecordState.SET, "reject")),
        ("shop.example", "v=DMARC1; p=", (RecordState.BROKEN, "")),
        ("shop.example", "p=reject", (RecordState.MISSING, "")),
    ],
)
def test_the_organizations_dmarc_record_holds_for_domains_below_it(names, domain, record, expected):
    names.records = {"_dmarc.shop.example": [record]}
    found = read_sender_dns(domain)
    assert (found.dmarc, found.policy) == expected


def test_a_key_that_was_revoked_is_none(names):
    names.records = {"mail._domainkey.shop.example": ["v=DKIM1; p="]}
    assert read_sender_dns("shop.example").dkim is RecordState.MISSING


def test_without_a_selector_nothing_is_said_of_dkim(names, monkeypatch):
    monkeypatch.setenv("REGULARS_DKIM_SELECTORS", "")
    get_settings.cache_clear()
    assert read_sender_dns("shop.example").dkim is RecordState.UNKNOWN


def test_a_silent_name_server_says_nothing(names, monkeypatch):
    monkeypatch.setattr(sender_dns, "LIFETIME_S", 0.2)
    sender_dns._resolver.cache_clear()
    names.is_silent = True
    unknown = RecordState.UNKNOWN
    assert read_sender_dns("shop.example") == (unknown, unknown, unknown, "")
    assert not names_shop("shop.example", ["word"])


def test_the_word_of_a_shop_counts_as_a_record_of_its_own(names):
    names.records = {"_regulars.shop.example": ["another", "word"]}
    assert names_shop("shop.example", ["old", "word"])
    assert not names_shop("shop.example", ["wor"])
    assert not names_shop("other.example", ["word"])


def test_a_domain_beyond_ascii_is_asked_as_dns_knows_it(names):
    names.records = {"xn--bcher-kva.example": ["v=spf1 -all"]}
    assert read_sender_dns("bücher.example").spf is RecordState.SET


@pytest.mark.parametrize(
    "text", ["dns.example", "127.0.0.1:99999", "127.0.0.1:x", "[::1", "300.1.1.1"]
)
def test_name_servers_are_addresses(text):
    with pytest.raises(ValueError, match="dns_servers"):
        Settings(dns_servers=text)


def test_name_servers_may_have_a_port():
    settings = Settings(dns_servers="127.0.0.1, 127.0.0.2:5353, [::1]:53")
    assert settings.name_servers() == (("127.0.0.1", 53), ("127.0.0.2", 5353), ("::1", 53))
