"""What a customer allows by email, SMS and WhatsApp: customers_…marketing_consent/update."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import ConsentFact, Facts, ProfileFact
from plugin.phones.numbers import may_text
from plugin.shopify.normalise.fields import object_of, text_of
from plugin.values import parse_email, parse_phone, parse_time
from storage.channels import Channel
from storage.consent_ledger import ConsentPurpose, ConsentState
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind

MARKETING, TRANSACTIONAL = ConsentPurpose.MARKETING, ConsentPurpose.TRANSACTIONAL
# What a state of Shopify's says of which messages. NOT_SUBSCRIBED and PENDING mean that there never
# was a consent: no entry for the ledger. INVALID: Shopify itself can no longer write there.
# REDACTED: the customer is erased, so that not even what they asked for goes there.
STATES: dict[str, dict[ConsentPurpose, ConsentState]] = {
    "subscribed": {MARKETING: ConsentState.SUBSCRIBED},
    "unsubscribed": {MARKETING: ConsentState.UNSUBSCRIBED},
    "invalid": {MARKETING: ConsentState.BOUNCED},
    "redacted": {
        MARKETING: ConsentState.UNSUBSCRIBED,
        TRANSACTIONAL: ConsentState.UNSUBSCRIBED,
    },
}
OPEN_TRACKING = {
    "OPTED_IN": ConsentState.SUBSCRIBED,
    "OPTED_OUT": ConsentState.UNSUBSCRIBED,
}  # UNKNOWN was never asked


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One shopper's consent for one address, as the storefront keeps it."""
    if topic == "customers_email_marketing_consent/update":
        channel, kind = Channel.EMAIL, IdentityKind.EMAIL
        address = parse_email(payload.get("email_address"))
        reported = object_of(payload, "email_marketing_consent")
    elif topic == "customers_whats_app_marketing_consent/update":
        channel, kind = Channel.WHATSAPP, IdentityKind.PHONE
        address = parse_phone(payload.get("phone_number"))
        reported = object_of(payload, "whats_app_marketing_consent")
    else:
        channel, kind = Channel.SMS, IdentityKind.PHONE
        address = parse_phone(payload.get("phone"))
        reported = object_of(payload, "sms_marketing_consent")
    if not reported:
        raise MalformedError("the consent is missing")
    told = Facts()
    if address is None:
        return told
    customer: Any = payload.get("customer_id") or payload.get("id")
    keys = facts.identity_keys((IdentityKind.CUSTOMER, customer), (kind, address))
    for purpose, state, at in _said(payload, reported):
        if channel == Channel.SMS and state == ConsentState.SUBSCRIBED and not may_text(address):
            continue  # no mobile
        person = ProfileFact(identities=keys, reported_at=at)
        told.profiles.append(person)
        told.consents.append(
            ConsentFact(
                profile=person,
                channel=channel,
                address=address,
                state=state,
                occurred_at=at,
                dedupe_key=_dedupe_key(purpose, f"{channel}:{address}:{state}", at),
                purpose=purpose,
            )
        )
    return told


def _said(
    payload: JsonObject, reported: JsonObject
) -> Iterator[tuple[ConsentPurpose, ConsentState, datetime]]:
    """What is allowed or refused, and since when."""
    states = STATES.get(text_of(reported, "state").lower(), {})
    # WhatsApp's calls it `updated_at`.
    dated = reported.get("consent_updated_at") or reported.get("updated_at")
    if states.get(MARKETING) == ConsentState.SUBSCRIBED and not dated:
        states = {}  # it must not beat a newer no: the next reading of the customer dates it
    for purpose, state in states.items():
        at = parse_time(dated or payload.get("triggered_at"), "consent_updated_at")
        yield purpose, state, at
    # No webhook tells it: it is read with the customer.
    if tracking := OPEN_TRACKING.get(text_of(payload, "open_tracking_level")):
        yield (
            ConsentPurpose.OPEN_TRACKING,
            tracking,
            parse_time(payload.get("updated_at"), "updated_at"),
        )


def _dedupe_key(purpose: ConsentPurpose, said: str, at: datetime) -> str:
    about = "" if purpose == MARKETING else f"{purpose}:"
    return f"storefront:{about}{said}:{at.astimezone(UTC).isoformat()}"
