"""What a customer allows by email, SMS and WhatsApp: customers_…marketing_consent/update."""

from datetime import UTC
from typing import Any

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import ConsentFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import object_of, text_of
from plugin.values import parse_email, parse_phone, parse_time
from storage.channels import Channel
from storage.consent_ledger import ConsentState
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind

# NOT_SUBSCRIBED, PENDING and INVALID mean that there never was a consent: no entry for the ledger.
STATES = {each.value: each for each in (ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED)}


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
    state = STATES.get(text_of(reported, "state").lower())
    if address is None or state is None:
        return Facts()
    # WhatsApp's calls it `updated_at`.
    at = parse_time(
        reported.get("consent_updated_at") or reported.get("updated_at"), "consent_updated_at"
    )
    customer: Any = payload.get("customer_id") or payload.get("id")
    person = ProfileFact(
        identities=facts.identity_keys((IdentityKind.CUSTOMER, customer), (kind, address)),
        reported_at=at,
    )
    return Facts(
        profiles=[person],
        consents=[
            ConsentFact(
                profile=person,
                channel=channel,
                address=address,
                state=state,
                occurred_at=at,
                dedupe_key=f"storefront:{channel}:{address}:{state}:{at.astimezone(UTC).isoformat()}",
            )
        ],
    )
