"""What became of sales, as the Admin API tells it: refunds, returns, parcels, subscriptions."""

from collections.abc import Callable
from typing import Any

from devstore.admin import resolvers
from devstore.admin.resolvers import Answer
from devstore.sales import payloads as sales
from devstore.shop.database import Document
from devstore.shop.payloads import gid, money
from devstore.shop.store import Store

OUTCOMES = {"success": "Success", "failure": "Failed", "challenged": "ActionRequired"}


def changes(store: Store, order: Document, line: Callable[[int], Answer]) -> Answer:
    """The fields of an order that hold them; `line` makes one of its lines by place."""

    def refunds(_info: Any, first: int | None = None) -> list[Answer]:
        return [_refund(store, each) for each in order.get("refunds", ())[:first]]

    def returns(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        if "read_returns" not in store.granted:
            raise resolvers.access_denied("returns", ["read_returns"])
        return resolvers.connection(order.get("returns", ()), _returned, first, after)

    def fulfillments(_info: Any, first: int | None = None) -> list[Answer]:
        return [fulfilment(each, line) for each in order.get("fulfillments", ())[:first]]

    return {"refunds": refunds, "returns": returns, "fulfillments": fulfillments}


def _refund(store: Store, row: Document) -> Answer:
    amount = {"amount": money(row["cents"]), "currencyCode": store.currency}
    return {
        "id": gid("Refund", row["id"]),
        "createdAt": resolvers.instant(row["created_at"]),
        "processedAt": resolvers.instant(row["created_at"]),
        "note": None,
        "totalRefundedSet": {"shopMoney": amount, "presentmentMoney": dict(amount)},
    }


def _returned(row: Document) -> Answer:
    return {
        "id": gid("Return", row["id"]),
        "status": row["status"].upper(),
        "createdAt": resolvers.instant(row["created_at"]),
        "requestApprovedAt": resolvers.instant(row["approved_at"]),
        "closedAt": resolvers.instant(row["closed_at"]),
        "totalQuantity": sum(count for _, count in row["lines"]),
    }


def fulfilment(row: Document, line: Callable[[int], Answer]) -> Answer:
    """A fulfilment with its parcels, its goods and where it was seen."""

    def part(at: int) -> Answer:
        place, count = row["lines"][at]
        number = row["id"] + 1 + at
        return {
            "id": gid("FulfillmentLineItem", number),
            "quantity": count,
            "lineItem": line(place),
        }

    def parts(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return resolvers.connection(range(len(row["lines"])), part, first, after)

    def seen(
        _info: Any, first: int | None = None, after: str | None = None, reverse: bool = False
    ) -> Answer:
        rows = row.get("events", [])
        return resolvers.connection(rows[::-1] if reverse else rows, _event, first, after)

    def parcels(_info: Any, first: int | None = None) -> list[Answer]:
        return [
            {"company": sales.CARRIER, "number": each, "url": sales.tracking_url(each)}
            for each in row["numbers"][:first]
        ]

    return {
        "id": gid("Fulfillment", row["id"]),
        "status": row["status"].upper(),
        "createdAt": resolvers.instant(row["created_at"]),
        "updatedAt": resolvers.instant(row["updated_at"]),
        "trackingInfo": parcels,
        "fulfillmentLineItems": parts,
        "events": seen,
    }


def _event(row: Document) -> Answer:
    return {
        "id": gid("FulfillmentEvent", row["id"]),
        "status": row["status"].upper(),
        "happenedAt": resolvers.instant(row["happened_at"]),
    }


def contract(store: Store, row: Document) -> Answer:
    """A contract with the attempts to be paid."""

    def attempts(
        _info: Any, first: int | None = None, after: str | None = None, reverse: bool = False
    ) -> Answer:
        rows = row["attempts"][::-1] if reverse else row["attempts"]
        return resolvers.connection(rows, _attempt, first, after)

    return {
        "id": gid("SubscriptionContract", row["id"]),
        "status": row["status"].upper(),
        "revisionId": str(row["revision"]),
        "createdAt": resolvers.instant(row["created_at"]),
        "updatedAt": resolvers.instant(row["updated_at"]),
        "customer": {"id": gid("Customer", row["customer_id"])},
        "billingPolicy": {"interval": row["interval"].upper(), "intervalCount": row["every"]},
        "billingAttempts": attempts,
    }


def _attempt(row: Document) -> Answer:
    error = {"__typename": "SubscriptionBillingAttemptPaymentError", "code": row["error"]}
    return {
        "id": gid("SubscriptionBillingAttempt", row["id"]),
        "createdAt": resolvers.instant(row["created_at"]),
        "completedAt": resolvers.instant(row["created_at"]),
        "state": {
            "__typename": f"SubscriptionBillingAttempt{OUTCOMES[row['outcome']]}State",
            "error": error if row["error"] else None,
        },
    }
