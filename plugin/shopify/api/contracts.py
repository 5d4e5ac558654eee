"""Subscription contracts as the Admin API tells them, in the shape of the webhooks."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from plugin.facts import Facts, merge_facts
from plugin.shopify.api.products import number
from plugin.shopify.normalise import subscriptions
from plugin.values import parse_time
from storage.engine.types import JsonObject

CREATED, CHANGED = "subscription_contracts/create", "subscription_contracts/update"
TOPICS = {
    "PAUSED": "subscription_contracts/pause",
    "CANCELLED": "subscription_contracts/cancel",
    "EXPIRED": "subscription_contracts/expire",
    "FAILED": "subscription_contracts/fail",
}
BILLED = {
    "SubscriptionBillingAttemptSuccessState": "subscription_billing_attempts/success",
    "SubscriptionBillingAttemptFailedState": "subscription_billing_attempts/failure",
    "SubscriptionBillingAttemptActionRequiredState": "subscription_billing_attempts/challenged",
}


def contract_facts(
    node: JsonObject, attempts: list[JsonObject], currency: str, *, reported_at: datetime | None
) -> Facts:
    """A contract as it stands, that it was started, and its attempts to be paid.

    What became of it is told by its state; that a paused one is active again, by the row alone.
    """
    changed_at = parse_time(node["updatedAt"], "updatedAt")
    payload = {
        "id": number(node["id"]),
        "status": node["status"].lower(),
        "revision_id": node["revisionId"],
        "customer_id": number(node["customer"]["id"]) if node["customer"] else None,
        "billing_policy": {
            "interval": node["billingPolicy"]["interval"].lower(),
            "interval_count": node["billingPolicy"]["intervalCount"],
        },
    }
    started = {**payload, "triggered_at": node["createdAt"]}
    now = {**payload, "triggered_at": node["updatedAt"]}
    topic = TOPICS.get(node["status"], CHANGED)
    facts = merge_facts(
        [
            subscriptions.contracts(CREATED, started, currency),
            subscriptions.contracts(topic, now, currency),
            *_billed(payload["id"], attempts, currency),
        ]
    )
    as_of = reported_at or changed_at
    _, current = facts.records
    row = {**current.row, "updated_at": as_of, "reported_at": as_of}
    facts.records = [replace(current, row=row)]
    return facts


def _billed(contract: int, attempts: list[JsonObject], currency: str) -> Iterator[Facts]:
    for attempt in attempts:
        state = attempt["state"]
        if topic := BILLED.get(state["__typename"]):
            payload = {
                "id": number(attempt["id"]),
                "subscription_contract_id": contract,
                "error_code": (state.get("error") or {}).get("code"),
                "triggered_at": attempt["completedAt"] or attempt["createdAt"],
            }
            yield subscriptions.billing(topic, payload, currency)
