"""subscription_contracts/…, subscription_billing_attempts/…: contracts that our own app made."""

from plugin import facts
from plugin.facts import EventFact, Facts, ProfileFact, RecordFact
from plugin.shopify.normalise.fields import id_of, object_of, text_of
from plugin.values import parse_time
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind, RecordKind
from storage.subscription_contracts import ReportedContract, SubscriptionContract

METRICS = {
    "subscription_contracts/create": "Started Subscription",
    "subscription_contracts/activate": "Activated Subscription",
    "subscription_contracts/pause": "Paused Subscription",
    "subscription_contracts/cancel": "Cancelled Subscription",
    "subscription_contracts/expire": "Expired Subscription",
    "subscription_contracts/fail": "Failed Subscription",
    "subscription_billing_attempts/success": "Subscription Order Paid",
    "subscription_billing_attempts/failure": "Subscription Payment Failed",
    "subscription_billing_attempts/challenged": "Subscription Payment Challenged",
}

# The others happen once to a contract: shopify.dev, subscriptionContractActivate, "must be either
# active, paused, or failed".
HAPPEN_AGAIN = ("Activated Subscription", "Paused Subscription", "Failed Subscription")


def contracts(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One contract as it stands, and what became of it."""
    sent = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    contract = id_of(payload, "id")
    person = ProfileFact(
        facts.identity_keys(
            (RecordKind.SUBSCRIPTION, contract), (IdentityKind.CUSTOMER, payload.get("customer_id"))
        ),
        sent,
    )
    policy = object_of(payload, "billing_policy")
    row: ReportedContract = {
        "id": contract,
        "status": text_of(payload, "status"),
        "interval": text_of(policy, "interval"),
        "interval_count": int(policy.get("interval_count") or 1),
        "updated_at": sent,
        "reported_at": sent,
    }
    events = []
    if metric := METRICS.get(topic):
        again = f":{payload.get('revision_id') or sent.isoformat()}"
        unique = f"{contract}{again if metric in HAPPEN_AGAIN else ''}"
        events.append(
            EventFact(person, metric, unique, sent, properties={"subscription_id": contract})
        )
    return Facts(
        profiles=[person], events=events, records=[RecordFact(SubscriptionContract, row, person)]
    )


def billing(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One attempt to be paid for a contract."""
    contract, attempt = payload.get("subscription_contract_id"), payload.get("id")
    if contract is None or attempt is None:
        return Facts()  # Shopify's own example is an empty object, without a customer
    sent = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    person = ProfileFact(facts.identity_keys((RecordKind.SUBSCRIPTION, contract)), sent)
    properties = {"subscription_id": contract, "error_code": text_of(payload, "error_code")}
    event = EventFact(person, METRICS[topic], str(attempt), sent, properties=properties)
    return Facts(profiles=[person], events=[event])
