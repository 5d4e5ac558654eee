"""What Shopify says of consent, beyond a plain yes or no."""

from typing import Any

import pytest

from plugin.channels.marketplaces import is_relayed
from plugin.facts import merge_facts
from plugin.ingest.digest import apply_facts
from plugin.messages.eligibility import consent_blocks
from plugin.shopify.api import nodes
from plugin.shopify.normalise import consent as told
from storage import consent
from storage.backfills import StoreNoun
from storage.channels import Channel
from storage.consent_ledger import ConsentPurpose, ConsentState
from storage.engine import db
from storage.messages import SkipReason
from storage.shops import Shop

MAYA = "maya@example.com"
TOPIC = "customers_email_marketing_consent/update"


def say(shop: Shop, state: str, at: str | None, email: str = MAYA) -> None:
    payload: dict[str, Any] = {
        "customer_id": 7, "email_address": email, "triggered_at": "2026-11-21T12:00:00Z",
        "email_marketing_consent": {"state": state, "consent_updated_at": at},
    }  # fmt: skip
    apply_facts(shop, told.normalise(TOPIC, payload, "USD"))


def read(shop: Shop, level: str, at: str) -> None:
    node: dict[str, Any] = {
        "id": "gid://shopify/Customer/7", "firstName": "Maya", "lastName": "Lin", "tags": [],
        "createdAt": "2026-11-01T12:00:00Z", "updatedAt": at, "defaultPhoneNumber": None,
        "defaultAddress": None, "locale": "en", "numberOfOrders": "0",
        "amountSpent": {"amount": "0.0", "currencyCode": "USD"},
        "defaultEmailAddress": {
            "emailAddress": MAYA, "marketingState": "SUBSCRIBED", "marketingOptInLevel": None,
            "marketingUpdatedAt": "2026-11-01T12:00:00Z", "openTrackingLevel": level,
        },
    }  # fmt: skip
    facts = nodes.facts_of(shop.id, StoreNoun.CUSTOMERS, node, [], currency="USD")
    apply_facts(shop, merge_facts([facts]))


def state(shop: Shop, purpose: ConsentPurpose) -> ConsentState | None:
    with db.reading() as session:
        held = consent.get_consent(session, shop.id, Channel.EMAIL, MAYA, purpose=purpose)
    return held and held.state


def ledger(shop: Shop) -> list[tuple[str, str]]:
    with db.reading() as session:
        found = consent.ledger_of(session, shop.id, [(Channel.EMAIL, MAYA)])
    return sorted((entry.purpose, entry.state) for entry in found)


def refusal(shop: Shop, email: str) -> str | None:
    with db.reading() as session:
        return consent_blocks(session, shop.id, [(Channel.EMAIL, email)])[Channel.EMAIL, email]


def test_a_yes_without_a_date_waits_for_a_reading_that_dates_it(shop: Shop) -> None:
    say(shop, "unsubscribed", "2026-11-20T12:00:00Z")

    say(shop, "subscribed", None)

    assert state(shop, ConsentPurpose.MARKETING) == ConsentState.UNSUBSCRIBED


def test_a_redacted_address_gets_nothing_not_even_what_it_asked_for(shop: Shop) -> None:
    say(shop, "subscribed", "2026-11-20T12:00:00Z")

    say(shop, "redacted", "2026-11-20T12:00:00Z")

    assert refusal(shop, MAYA) == SkipReason.UNSUBSCRIBED
    assert state(shop, ConsentPurpose.TRANSACTIONAL) == ConsentState.UNSUBSCRIBED


def test_an_address_that_shopify_calls_invalid_bounces(shop: Shop) -> None:
    say(shop, "subscribed", "2026-11-20T12:00:00Z")

    say(shop, "invalid", "2026-11-20T12:00:00Z")

    assert refusal(shop, MAYA) == SkipReason.BOUNCED


@pytest.mark.parametrize(
    "email", ["a@marketplace.amazon.co.uk", "b@members.ebay.de", "c@relay.walmart.com"]
)
def test_a_marketplaces_address_gets_no_marketing_whatever_is_said_of_it(
    shop: Shop, email: str
) -> None:
    say(shop, "subscribed", "2026-11-20T12:00:00Z", email)

    assert refusal(shop, email) == SkipReason.MARKETPLACE


@pytest.mark.parametrize("email", ["ana@amazon.com", "x@marketplace.amazon.com.example.org"])
def test_who_works_at_a_marketplace_has_an_address_of_their_own(email: str) -> None:
    assert not is_relayed(email)


def test_open_tracking_is_kept_as_it_was_told_last_and_each_change_once(shop: Shop) -> None:
    for level, at in (
        ("UNKNOWN", "2026-11-02T12:00:00Z"),
        ("OPTED_OUT", "2026-11-03T12:00:00Z"),
        ("OPTED_OUT", "2026-11-04T12:00:00Z"),
    ):
        read(shop, level, at)
    with db.reading() as session:
        assert consent.refuses_open_tracking(session, shop.id, Channel.EMAIL, MAYA)
    assert ledger(shop) == [("marketing", "subscribed"), ("open_tracking", "unsubscribed")]

    read(shop, "OPTED_IN", "2026-11-05T12:00:00Z")

    assert state(shop, ConsentPurpose.OPEN_TRACKING) == ConsentState.SUBSCRIBED
    assert state(shop, ConsentPurpose.MARKETING) == ConsentState.SUBSCRIBED
