"""L01, L11, L14, L20, L22, L26, L27, P16: the rules of consent, each by its number."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from admin_ui.kit import words
from admin_ui.kit.language import Language
from plugin import clock
from plugin.facts import Facts, IdentityKey, PrivacyFact, ProfileFact
from plugin.ingest.digest import apply_facts
from plugin.messages import eligibility
from plugin.privacy import requests
from plugin.shopify.normalise import orders
from plugin.shopify.normalise.consent import normalise
from storage import consent, events, forms, privacy_requests, profiles, search, shops, suppressions
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.forms import FormVersion
from storage.messages import SkipReason, get_message
from storage.privacy_requests import PrivacyTopic
from storage.profiles import Profile, get_profile
from tests.plugin.messages.world import MAYA, World, build
from tests.rules.test_double_opt_in import sign_up
from webhooks.app import routes

PHONE = "+14155550123"
BOUGHT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROOF = {
    "disclosure": "Text me offers too, up to 4 a month.", "form_id": 5, "form_version": 1,
    "page": "https://dewpoint.example/", "ip": "203.0.113.9", "user_agent": "Safari",
}  # fmt: skip


@pytest.fixture
def world(sqlite, shop) -> World:
    made = build(shop)
    made.change(Profile, made.profile_id, phone=PHONE)
    return made


@pytest.fixture
def client(shop):
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


def say(
    shop, channel: str, address: str, state: str = ConsentState.SUBSCRIBED, **more: Any
) -> None:
    at = more.pop("at", None) or clock.now()
    row = {
        "shop_id": shop.id, "id": new_id(), "dedupe_key": str(new_id()), "channel": channel,
        "address": address, "state": state, "occurred_at": at, "recorded_at": at, "source": "form",
    } | more  # fmt: skip
    with db.transaction() as session:
        consent.record_consent(session, [row])


def refusal(world: World, **message: Any) -> str | None:
    message_id = world.queue(**message)
    with db.reading() as session:
        shop = shops.get_shop(session, world.shop.id)
        row = get_message(session, world.shop.id, message_id)
        return eligibility.skip_reason(
            session, shop, row, get_profile(session, shop.id, row.profile_id)
        )


@pytest.mark.parametrize("missing", [n for n in PROOF if n != "form_id"])
@pytest.mark.parametrize("channel", ["sms", "rcs", "voice"])
def test_l01_no_text_for_marketing_without_every_part_of_the_proof(world, channel, missing):
    empty = None if missing == "form_version" else ""
    say(world.shop, channel, PHONE, **(PROOF | {missing: empty}))
    assert refusal(world, channel=channel) == "no_proof"
    assert refusal(world, channel=channel, transactional=True) is None

    say(world.shop, channel, PHONE, **PROOF)
    assert refusal(world, channel=channel) is None


def test_l20_consent_to_one_channel_is_none_to_another(world):
    assert refusal(world) is None
    for channel in ("sms", "whatsapp", "rcs", "viber", "voice"):
        assert refusal(world, channel=channel) == "no_consent"
    assert refusal(world, channel="push") == "no_address"
    say(world.shop, "whatsapp", PHONE)

    assert refusal(world, channel="whatsapp") is None
    assert refusal(world, channel="viber") == "no_consent"
    assert words.reason(SkipReason.NO_CONSENT, Language("en"), "sms") == (
        "Not sent: not subscribed to SMS marketing."
    )


def test_l20_a_stop_of_news_of_orders_is_its_own(world):
    say(world.shop, "sms", PHONE, ConsentState.UNSUBSCRIBED, purpose="transactional")
    say(world.shop, "sms", PHONE, **PROOF)

    assert refusal(world, channel="sms") is None
    assert refusal(world, channel="sms", transactional=True) == "stopped"


def order(number: int, at: datetime, country: str, address: str = MAYA) -> Facts:
    payload = {
        "id": number, "created_at": at.isoformat(), "updated_at": at.isoformat(),
        "currency": "CAD", "total_price": "10.00", "email": address, "line_items": [],
        "customer": {"id": number, "email": address},
        "billing_address": {"country_code": country},
    }  # fmt: skip
    return orders.normalise("orders/create", payload, "CAD")


def implies(shop, *countries: str) -> None:
    with db.transaction() as session:
        held = shops.get_shop(session, shop.id)
        held.implied_countries = " ".join(countries)
        session.add(held)
    shop.implied_countries = " ".join(countries)


@pytest.mark.parametrize(("days", "expected"), [(1, None), (730, None), (731, "implied_expired")])
def test_l11_a_purchase_allows_mail_for_two_years(world, monkeypatch, days, expected):
    address = "leah@example.com"
    world.change(Profile, world.profile_id, email=address)
    apply_facts(world.shop, order(1, BOUGHT, "CA", address))
    assert refusal(world) == "no_consent", "nothing is implied until the merchant says so"
    implies(world.shop, "CA")
    apply_facts(world.shop, order(2, BOUGHT, "US", address))
    assert refusal(world) == "no_consent"

    apply_facts(world.shop, order(3, BOUGHT, "CA", address))
    monkeypatch.setattr(clock, "now", lambda: BOUGHT + timedelta(days=days))

    assert refusal(world) == expected


@pytest.mark.parametrize("state", [ConsentState.UNSUBSCRIBED, ConsentState.SUBSCRIBED])
def test_l11_an_explicit_word_replaces_an_implied_one_whatever_the_times(database, shop, state):
    implies(shop, "CA")
    for number, days in ((1, -10), (2, 10)):
        apply_facts(shop, order(number, BOUGHT + timedelta(days=days), "CA"))
    with db.reading() as session:
        held = consent.get_consent(session, shop.id, "email", MAYA)
        assert held.state == ConsentState.IMPLIED
        assert held.expires_at == BOUGHT + timedelta(days=740)

    say(shop, "email", MAYA, state, at=BOUGHT)
    apply_facts(shop, order(3, BOUGHT + timedelta(days=20), "CA"))

    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", MAYA) == state


def test_l14_suppression_survives_erasure_an_import_and_a_webhook(database, shop):
    key = (IdentityKey("email", MAYA),)
    say(shop, "email", MAYA)
    request = Facts(privacy_requests=[PrivacyFact(PrivacyTopic.REDACT, clock.now(), "1", key)])
    apply_facts(shop, request)
    with db.transaction() as session:
        due = privacy_requests.claim_due(session, clock.now() + timedelta(seconds=5), 10)
    requests.run_requests(shop.id, [request_id for _, request_id in due])

    later = clock.now() + timedelta(days=1)
    say(shop, "email", MAYA, source="import", at=later)
    apply_facts(shop, told_by_shopify(ConsentState.SUBSCRIBED, later))

    with db.reading() as session:
        assert suppressions.suppressed_addresses(session, shop.id, [("email", MAYA)])
        assert consent.consent_state(session, shop.id, "email", MAYA) is None
        told = consent.ledger_of(session, shop.id, [("email", MAYA)])
    assert {(e.source, e.takes_effect) for e in told} == {("import", False), ("storefront", False)}


@pytest.mark.parametrize("file_first", [True, False])
def test_l14_an_older_no_beats_the_yes_of_a_file_whichever_comes_first(database, shop, file_first):
    now = clock.now()

    def file() -> None:
        say(shop, "email", MAYA, source="import", at=now - timedelta(days=1))

    def storefront() -> None:
        apply_facts(shop, told_by_shopify(ConsentState.UNSUBSCRIBED, now - timedelta(days=900)))

    for act in (file, storefront) if file_first else (storefront, file):
        act()
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", MAYA) == ConsentState.UNSUBSCRIBED

    # the shopper's own later consent
    apply_facts(shop, told_by_shopify(ConsentState.SUBSCRIBED, now - timedelta(days=800)))
    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", MAYA) == ConsentState.SUBSCRIBED


def told_by_shopify(state: str, at: datetime) -> Facts:
    said = {"state": state, "opt_in_level": None, "consent_updated_at": at.isoformat()}
    payload = {"customer_id": 7, "email_address": MAYA, "email_marketing_consent": said}
    return normalise("customers_email_marketing_consent/update", payload, "USD")


def test_l22_an_older_consent_never_overwrites_a_newer_from_either_side(database, shop):
    words = [
        ("shopify", ConsentState.SUBSCRIBED, 0), ("ours", ConsentState.UNSUBSCRIBED, 1),
        ("shopify", ConsentState.SUBSCRIBED, 2), ("ours", ConsentState.UNSUBSCRIBED, 3),
    ]  # fmt: skip
    for order_of in permutations(words):
        address = f"{new_id()}@example.com"
        for side, state, hours in order_of:
            at = BOUGHT + timedelta(hours=hours)
            if side == "ours":
                say(shop, "email", address, state, at=at)
                continue
            facts = told_by_shopify(state, at)
            facts.profiles.clear()
            facts.consents[0].address = address
            facts.consents[0].dedupe_key += address
            facts.profiles.append(facts.consents[0].profile)
            apply_facts(shop, facts)
        with db.reading() as session:
            held = consent.get_consent(session, shop.id, "email", address)
        assert (held.state, held.changed_at) == (
            ConsentState.UNSUBSCRIBED,
            BOUGHT + timedelta(hours=3),
        )


def test_p16_what_comes_after_forgetting_or_before_it_ends_alike(database, shop):
    cut = clock.now()
    ends = []
    for number, first in enumerate(("forget", "tell")):
        address = f"{number}-maya@example.com"
        key = (IdentityKey("email", address),)
        tell = Facts(profiles=[ProfileFact(key, cut - timedelta(hours=1), {"first_name": "Maya"})])
        forget = Facts(privacy_requests=[PrivacyFact(PrivacyTopic.REDACT, cut, str(number), key)])
        for facts in (forget, tell) if first == "forget" else (tell, forget):
            apply_facts(shop, facts)
        with db.transaction() as session:
            due = privacy_requests.claim_due(session, clock.now() + timedelta(seconds=5), 10)
        requests.run_requests(shop.id, [request_id for _, request_id in due])
        with db.reading() as session:
            ends.append(
                (
                    profiles.find_identities(session, shop.id, [("email", address)]),
                    bool(suppressions.suppressed_addresses(session, shop.id, [("email", address)])),
                )
            )
    assert ends == [({}, True), ({}, True)]


def ask_birthday(shop, form: int) -> None:
    """Add a birthday question to the form."""
    with db.transaction() as session:
        version = session.get(FormVersion, (shop.id, form, 1))
        definition = dict(version.definition)
        block = {"type": "date", "properties": {"property_name": "birthday", "required": True}}
        step = {"name": "Age", "columns": [{"rows": [{"blocks": [block]}]}]}
        version.definition = {**definition, "steps": [*definition["steps"], step]}
        session.add(version)


@pytest.mark.parametrize(("days", "kept"), [(0, 1), (1, 0)])
def test_l26_of_a_child_nothing_is_kept(client, form_id, shop, days, kept):
    ask_birthday(shop, form_id)
    today = clock.now().date()
    born = today.replace(year=today.year - 16) + timedelta(days=days)

    answers = {"skin_need": "hydration", "birthday": born.isoformat()}
    said = sign_up(client, form_id, answers=answers, country="US", locale="en")

    assert said.json() == {"ok": True}
    with db.reading() as session:
        assert profiles.count_profiles(session, shop.id) == kept
        assert consent.count_subscribers(session, shop.id) == kept
        totals = forms.form_totals(session, shop.id, today)
        assert totals.get(form_id, {}).get("submitted", 0) == kept


def test_l27_a_browser_with_gpc_is_not_tracked(client, form_id, shop):
    seen = {
        "shop": shop.domain,
        "events": [
            {
                "name": "product_viewed", "id": "e-1", "client_id": "b-1",
                "at": clock.now().isoformat(), "data": {"product_id": 1, "title": "Serum"},
            }
        ],
    }  # fmt: skip
    client.post("/pixel", json=seen, headers={"Sec-GPC": "1"})
    client.headers["Sec-GPC"] = "1"
    sign_up(client, form_id, country="US", browser_id="b-1", cart_token="c-1")

    with db.reading() as session:
        known = profiles.find_identities(
            session, shop.id, [("browser_id", "b-1"), ("cart_token", "c-1")]
        )
        assert known == {}
        assert profiles.count_profiles(session, shop.id) == 1
        assert consent.count_subscribers(session, shop.id) == 1
        (profile,) = search.search_profiles(session, shop.id, "anna", limit=2)
        assert not events.timeline(session, shop.id, profile.id, metric="Viewed Product")
