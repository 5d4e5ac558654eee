"""S10: what the app proxy did not sign, or not now, or not for this shop, is a 401."""

import time
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.forms import library
from plugin.onboard import seed_library
from tests.attacks.ways import filled_in, ways
from tests.webhooks.test_storefront import GOOD, signed
from webhooks.app import routes
from webhooks.storefront import routes as proxied

WAYS = ways(proxied(), "GET", "POST")
MAC = "signature="


@pytest.fixture
def client(sqlite, shop):
    seed_library(shop.id)
    form_id = library.use_form(shop.id, "skincare_quiz")
    library.set_status(shop.id, form_id, True)
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        client.form_id = form_id
        yield client


def ask(client, method, path, change=lambda url: url, **more):
    (place,) = filled_in(path, [str(client.form_id)])
    return client.request(method, change(signed(place, **more)), json=GOOD).status_code


def reordered(url):
    path, _, query = url.partition("?")
    return f"{path}?{urlencode(list(reversed(parse_qsl(query, keep_blank_values=True))))}"


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_s10_what_is_signed_is_taken_in_any_order(client, method, path):
    assert ask(client, method, path) in (200, 204)
    assert ask(client, method, path, reordered) in (200, 204)
    assert ask(client, method, path, tag="a,b") in (200, 204)


WRONG = {
    "no query": lambda url: url.partition("?")[0],
    "no signature": lambda url: url.rpartition("&")[0],
    "an empty signature": lambda url: url.rpartition("=")[0] + "=",
    "a longer signature": lambda url: url + "0",
    "a shorter one": lambda url: url[:-1],
    "in capitals": lambda url: url.rpartition("=")[0] + "=" + url.rpartition("=")[2].upper(),
    "not ascii": lambda url: url.rpartition("=")[0] + "=%C3%A9",
    "signed twice": lambda url: url + "&" + url.rpartition("&")[2],
    "another shop": lambda url: url.replace("dewpoint", "another"),
    "the shop twice": lambda url: url + "&shop=another.myshopify.com",
    "the shop as a list": lambda url: url.replace("shop=", "shop[]="),
    "another customer": lambda url: url.replace("customer_id=", "customer_id=7"),
    "the customer twice": lambda url: url + "&logged_in_customer_id=7",
    "a parameter more": lambda url: url + "&extra=1",
    "a parameter less": lambda url: url.replace("path_prefix=", "path="),
    "another time": lambda url: url.replace("timestamp=", "timestamp=1"),
    "values that run together": lambda url: url.replace("&path_prefix=", ""),
    "bytes that are no text": lambda url: url + "&%FF%FE=%00",
}


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_s10_what_the_proxy_did_not_sign_is_401(client, method, path, change):
    assert ask(client, method, path, change) == 401


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize("ago_s", [91, 3_600, 86_400, -91, -3_600])
def test_s10_what_it_signed_at_another_time_is_401(client, method, path, ago_s):
    assert ask(client, method, path, at=time.time() - ago_s) == 401


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_s10_a_shop_that_we_do_not_know_is_401(client, method, path):
    assert ask(client, method, path, shop="stranger.myshopify.com") == 401


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_s10_no_letter_of_the_query_may_be_another(client, data):
    path = f"/proxy/forms/{client.form_id}"
    url = signed(path)
    query = url.partition("?")[2]
    at = data.draw(st.integers(0, len(query) - 1))
    letter = data.draw(st.sampled_from("0123456789abcdefxyz&=%+.,"))
    changed = query[:at] + letter + query[at + 1 :]
    same = parse_qsl(changed, keep_blank_values=True) == parse_qsl(query, keep_blank_values=True)

    assert client.get(f"{path}?{changed}").status_code == (200 if same else 401)
