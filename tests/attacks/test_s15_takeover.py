"""S15: a visitor who types a shopper's address into a form sees and changes nothing of that
shopper.
"""

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.facts import ConsentFact, Facts, IdentityKey, ProfileFact
from plugin.ingest.record import record_facts
from storage import consent, events, lists, profiles, write_backs
from storage.engine import db
from storage.profiles import Profile
from storage.shops import Shop, get_shop
from tests.conftest import SETTINGS
from webhooks.app import routes

VICTIM, HER_PHONE = "maya@example.com", "+14155550132"
EVIL_PHONE, EVIL_BROWSER = "+14155550199", "b-evil"
EVIL: dict[str, Any] = {
    "answers": {"skin_need": "firmness"},
    "email": VICTIM,
    "phone": EVIL_PHONE,
    "consent": {"email": True, "sms": True},
    "page": "http://evil.example/",
    "locale": "fr",
    "browser_id": EVIL_BROWSER,
    "cart_token": "c-evil",
}


@pytest.fixture
def form_id(form_id: int, shop: Shop) -> int:
    with db.transaction() as session:
        held = get_shop(session, shop.id)
        assert held is not None
        held.write_form_answers = True
        session.add(held)
    return form_id


@pytest.fixture
def victim(form_id: int, shop: Shop) -> int:
    """Return a customer with fields from the store and a quiz, who has unsubscribed."""
    at = clock.now() - timedelta(days=9)
    her = ProfileFact(
        (
            IdentityKey("customer_id", "7"),
            IdentityKey("email", VICTIM),
            IdentityKey("phone", HER_PHONE),
        ), at,
        {"email": VICTIM, "phone": HER_PHONE, "first_name": "Maya", "locale": "en"},
        {"skin_need": "hydration"},
    )  # fmt: skip
    no = [
        ConsentFact(her, channel, address, "unsubscribed", at, f"no:{channel}")
        for channel, address in (("email", VICTIM), ("sms", HER_PHONE))
    ]
    with db.transaction() as session:
        record_facts(session, shop, Facts([her], consents=no), at)
        record_facts(
            session, shop, Facts([ProfileFact((IdentityKey("browser_id", "b-hers"),), at)]), at
        )
    return holder(shop, ("email", VICTIM))


@pytest.fixture
def client(form_id: int):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def post(client: TestClient, form_id: int, customer: str = "", query: str = "", **changes: Any):
    said = {
        "shop": "dewpoint.myshopify.com", "path_prefix": "/apps/regulars",
        "timestamp": str(int(time.time())), "logged_in_customer_id": customer,
    }  # fmt: skip
    signed = dict(said)
    if query:  # Shopify signs a repeated parameter as one, its values joined
        name, value = query.split("=")
        signed[name] = f"{value},{said[name]}"
    text = "".join(sorted(f"{k}={v}" for k, v in signed.items())).encode()
    mac = hmac.new(SETTINGS["REGULARS_SHOPIFY_CLIENT_SECRET"].encode(), text, hashlib.sha256)
    parts = [query] if query else []
    url = f"/proxy/forms/{form_id}/submit?" + "&".join(
        [*parts, urlencode({**said, "signature": mac.hexdigest()})]
    )
    return client.post(url, json={**EVIL, **changes})


def holder(shop: Shop, *key: tuple[str, str]) -> int:
    with db.reading() as session:
        return profiles.find_identities(session, shop.id, key).get(key[0], 0)


def hers(shop: Shop, profile_id: int) -> Profile:
    with db.reading() as session:
        found = profiles.get_profile(session, shop.id, profile_id)
    assert found is not None
    return found


def test_s15_a_strangers_form_changes_no_field_or_consent_and_merges_none(
    client, form_id, shop, victim
):
    before = hers(shop, victim)

    answer = post(client, form_id)

    assert answer.json() == {"ok": True}
    after = hers(shop, victim)
    named = ("email", "phone", "first_name", "locale", "properties", "field_times")
    assert [getattr(after, n) for n in named] == [getattr(before, n) for n in named]
    assert holder(shop, ("browser_id", EVIL_BROWSER)) != victim
    assert holder(shop, ("cart_token", "c-evil")) != victim
    assert holder(shop, ("phone", EVIL_PHONE)) != victim
    with db.reading() as session:
        for channel, address in (("email", VICTIM), ("sms", HER_PHONE)):
            assert consent.consent_state(session, shop.id, channel, address) == "unsubscribed"
        assert lists.memberships_of(session, shop.id, victim) == []
        told = events.timeline(session, shop.id, victim, metric="Submitted Form")
        answer_at_shopify = write_backs.key_of("metafield", "skin_need", victim)
        assert not write_backs.by_key(session, shop.id, [answer_at_shopify])
    (event,) = told
    assert event.properties["sender"] == "unproven"


def test_s15_a_strangers_answer_fills_a_gap_and_yields_to_every_other_word(
    client, form_id, shop, victim
):
    with db.transaction() as session:
        at = clock.now() - timedelta(days=3)
        nia = ProfileFact((IdentityKey("email", "nia@example.com"),), at, {"first_name": "Nia"})
        record_facts(session, shop, Facts([nia]), at)
    nia_id = holder(shop, ("email", "nia@example.com"))

    post(client, form_id, email="nia@example.com")
    assert hers(shop, nia_id).properties == {"skin_need": "firmness"}
    assert hers(shop, nia_id).field_sources["properties.skin_need"] == "unproven"

    nia.properties = {"skin_need": "hydration"}  # the order is three days old, and reported now
    with db.transaction() as session:
        record_facts(session, shop, Facts([nia]), clock.now())
    assert hers(shop, nia_id).properties == {"skin_need": "hydration"}


def test_s15_the_response_is_the_same_for_known_and_new_addresses(client, form_id, shop, victim):
    known, unknown = post(client, form_id), post(client, form_id, email="nobody@example.com")

    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert sorted(known.headers) == sorted(unknown.headers)
    assert "WELCOME" not in known.text.upper(), "a code comes by mail alone"


def test_s15_a_strangers_tick_does_not_lift_the_no_of_another_number(client, form_id, shop, victim):
    post(client, form_id, email="evil@example.com", phone=HER_PHONE)

    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "sms", HER_PHONE) == "unsubscribed"
    assert holder(shop, ("phone", HER_PHONE)) == victim


@pytest.mark.parametrize("proof", ["login", "browser"])
def test_s15_the_proven_owner_changes_the_profile(client, form_id, shop, victim, proof):
    if proof == "browser":
        with db.transaction() as session:
            her = ProfileFact(
                (IdentityKey("email", VICTIM), IdentityKey("browser_id", EVIL_BROWSER)), clock.now()
            )
            record_facts(session, shop, Facts([her]), clock.now())

    post(client, form_id, customer="7" if proof == "login" else "", phone=HER_PHONE)

    assert hers(shop, victim).properties == {"skin_need": "firmness"}
    assert holder(shop, ("browser_id", EVIL_BROWSER)) == holder(shop, ("email", VICTIM))
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", VICTIM) == "subscribed"


@pytest.mark.parametrize("said", [{"customer": "8"}, {"query": "logged_in_customer_id=7"}])
def test_s15_another_login_and_a_forged_one_prove_nothing(client, form_id, shop, victim, said):
    assert post(client, form_id, **said).status_code == 200

    assert hers(shop, victim).properties == {"skin_need": "hydration"}
    assert json.dumps(hers(shop, victim).field_sources).count("unproven") == 0
