"""Domains, signed queries and scopes, for any input."""

import time

import pytest

from devstore.admin.oauth import query_hmac
from plugin.settings import get_settings
from plugin.shopify.api.client import clean_domain, covers_scopes, is_valid_query


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("dewpoint.myshopify.com", "dewpoint.myshopify.com"),
        ("https://Dewpoint.myshopify.com/admin", "dewpoint.myshopify.com"),
        ("dewpoint", "dewpoint.myshopify.com"),
        (" dewpoint.myshopify.com\n", "dewpoint.myshopify.com"),
        ("", None),
        ("evil.example", None),
        ("dewpoint.myshopify.com.evil.example", None),
        ("dewpoint@evil.example", None),
        ("x@dewpoint.myshopify.com", None),
        ("a.b.myshopify.com", None),
        ("-dewpoint.myshopify.com", None),
        ("dewpoint.myshopify.com:443", None),
        ("http://[dewpoint.myshopify.com", None),
        ("\u212aiosk.myshopify.com", None),
        ("d" * 300, None),
    ],
)
def test_a_domain_is_cleaned_or_refused(text: str, domain: str | None) -> None:
    assert clean_domain(text) == domain


def signed(**changed: str) -> dict[str, str]:
    query = {
        "shop": "dewpoint.myshopify.com",
        "host": "YWRtaW4",
        "timestamp": str(int(time.time())),
        **changed,
    }
    secret = get_settings().shopify_client_secret
    return {"hmac": query_hmac(query, secret), **query}


def test_a_query_that_shopify_signed_just_now_is_valid() -> None:
    assert is_valid_query(signed())


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"hmac": "é", "timestamp": "1", "shop": "dewpoint.myshopify.com"},
        {**signed(), "hmac": "é"},
        {**signed(), "hmac": ""},
        {**signed(), "shop": "another.myshopify.com"},
        signed(timestamp="abc"),
        signed(timestamp="-1"),
        signed(timestamp="٣"),
        signed(timestamp="9" * 400),
        signed(timestamp=str(int(time.time()) - 310)),
        signed(timestamp=str(int(time.time()) + 100_000)),
        signed(shop="evil.example"),
        {name: value for name, value in signed().items() if name != "timestamp"},
    ],
)
def test_any_other_query_is_not_and_breaks_nothing(query: dict[str, str]) -> None:
    assert not is_valid_query(query)


def test_writing_covers_reading() -> None:
    assert covers_scopes("write_orders,read_products", ["read_orders", "read_products"])
    assert not covers_scopes("read_orders", ["write_orders"])
    assert not covers_scopes("", ["read_orders"])
    assert not covers_scopes("everything", ["read_orders"])
