"""The client IP of a request, behind any number of proxies, and with any header of a client."""

import pytest
from starlette.requests import Request

from plugin.settings import get_settings
from webhooks.client_ip import address_of, networks_of

HERS = "203.0.113.9"
SHOPIFYS = "23.227.38.65"


def request(peer: str | None, *notes: str) -> Request:
    headers = [(b"x-forwarded-for", note.encode("latin-1")) for note in notes]
    return Request({"type": "http", "headers": headers, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize(
    ("peer", "notes", "address"),
    [
        (HERS, [], HERS),
        (HERS, ["6.6.6.6"], HERS),
        ("127.0.0.1", [HERS], HERS),
        ("::1", [f"6.6.6.6, {HERS}"], HERS),
        ("127.0.0.1", ["6.6.6.6", HERS], HERS),
        ("127.0.0.1", [f"{HERS}, 127.0.0.1"], HERS),
        ("127.0.0.1", [f"{HERS}:5123"], HERS),
        ("127.0.0.1", ["[2001:db8::7]:5123"], "2001:db8::7"),
        ("127.0.0.1", [f"::ffff:{HERS}"], HERS),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["6.6.6.6," * 5_000 + HERS], HERS),
        ("127.0.0.1", ["é, 1.2.3.999"], "127.0.0.1"),
        ("not an address", [HERS], ""),
        (None, [HERS], HERS),
        (None, [], ""),
    ],
)
def test_only_proxies_that_we_trust_say_who_came(peer, notes, address):
    assert address_of(request(peer, *notes)) == address


@pytest.mark.parametrize(
    ("peer", "notes"),
    [
        (SHOPIFYS, [HERS]),
        ("127.0.0.1", [f"{HERS}, {SHOPIFYS}"]),
        ("127.0.0.1", [f"6.6.6.6, {HERS}, {SHOPIFYS}"]),
        ("127.0.0.1", [f"6.6.6.6, {HERS}, {SHOPIFYS}, 127.0.0.1"]),
    ],
)
def test_behind_the_app_proxy_shopifys_note_counts_and_no_earlier_one(peer, notes):
    assert address_of(request(peer, *notes), through_shopify=True) == HERS


def test_the_settings_say_which_proxies_are_ours(monkeypatch):
    monkeypatch.setenv("REGULARS_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    get_settings.cache_clear()
    try:
        assert address_of(request("10.9.8.7", f"{HERS}, 192.0.2.7")) == HERS
        assert address_of(request("127.0.0.2", HERS)) == "127.0.0.2"
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_an_ipv6_address_is_counted_with_its_household_and_its_site():
    home, same_home, same_site, elsewhere = map(
        networks_of, ("2001:db8::1", "2001:db8::ffff:7", "2001:db8:0:1::1", "2001:db8:1::1")
    )

    assert len(set(home)) == 3
    assert home == same_home
    assert [a == b for a, b in zip(home, same_site, strict=True)] == [False, True, True]
    assert not set(home) & set(elsewhere)
    assert networks_of(HERS) == (HERS,)
