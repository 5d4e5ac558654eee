"""What happened to orders, as the Admin API tells it, in the shape of the webhooks that tell it."""

from collections.abc import Iterator

from plugin.facts import Facts, merge_facts
from plugin.shopify.api.products import number
from plugin.shopify.normalise import order_events
from storage.engine.types import JsonObject

# What must have happened to a return that is in a state, as topics with the field that says when;
# where none does, it was at its order's last change. A reopening leaves no trace.
RETURN_TOPICS: dict[str, dict[str, str]] = {
    "REQUESTED": {"returns/request": "createdAt"},
    "DECLINED": {"returns/request": "createdAt", "returns/decline": ""},
    "OPEN": {"returns/approve": "requestApprovedAt"},
    "CANCELED": {"returns/approve": "requestApprovedAt", "returns/cancel": ""},
    "CLOSED": {"returns/approve": "requestApprovedAt", "returns/close": "closedAt"},
}


def refund_facts(node: JsonObject, currency: str) -> Facts:
    """A refund. Its sum in both moneys stands in for its transactions, lines and adjustments."""
    bag = node["totalRefundedSet"]
    shop, seen = ({"amount": side["amount"], "currency_code": side["currencyCode"]} for side in
                  (bag["shopMoney"], bag["presentmentMoney"]))  # fmt: skip
    paid = {"kind": "refund", "status": "success", "test": node["order"]["test"]}
    amount = {"amount": seen["amount"], "currency": seen["currency_code"]}
    payload = {
        "id": number(node["id"]),
        "order_id": number(node["order"]["id"]),
        "created_at": node["createdAt"],
        "processed_at": node["processedAt"],
        "note": node["note"],
        "transactions": [paid | amount] if float(seen["amount"]) or paid["test"] else [],
        "order_adjustments": [{"amount_set": {"shop_money": shop, "presentment_money": seen}}],
    }
    return order_events.refunds("refunds/create", payload, currency)


def return_facts(node: JsonObject, currency: str) -> Facts:
    """What became of a return up to the state that it is in."""
    if node["order"]["test"]:
        return Facts()
    about = {
        "id": number(node["id"]),
        "admin_graphql_api_id": node["id"],
        "order_id": number(node["order"]["id"]),
    }
    return merge_facts(
        [
            order_events.returns(topic, about | {"triggered_at": at}, currency)
            for topic, at in _return_topics(node)
        ]
    )


def _return_topics(node: JsonObject) -> Iterator[tuple[str, str]]:
    made, approved = node["createdAt"], node["requestApprovedAt"]
    topics = RETURN_TOPICS[node["status"]]
    if "returns/approve" in topics and approved and approved > made:
        yield "returns/request", made  # one that staff make is approved at once
    for topic, name in topics.items():
        when = (node[name] or made) if name else node["order"]["updatedAt"]
        yield topic, when


def fulfilment_facts(node: JsonObject, lines: list[JsonObject], currency: str) -> Facts:
    """A fulfilment with its parcels, and where its carrier saw it."""
    if node["order"]["test"]:
        return Facts()
    parcels = node["trackingInfo"]
    numbers = [each["number"] for each in parcels if each["number"]]
    urls = [each["url"] for each in parcels if each["url"]]
    order_id, fulfilment_id = number(node["order"]["id"]), number(node["id"])
    sent = {
        "id": fulfilment_id,
        "order_id": order_id,
        "status": node["status"].lower(),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "tracking_company": next((each["company"] for each in parcels), None),
        "tracking_number": next(iter(numbers), None),
        "tracking_numbers": numbers,
        "tracking_url": next(iter(urls), None),
        "tracking_urls": urls,
        "line_items": [
            {
                "title": line["lineItem"]["title"],
                "quantity": line["quantity"],
                "gift_card": line["lineItem"]["isGiftCard"],
                "requires_shipping": line["lineItem"]["requiresShipping"],
            }
            for line in lines
        ],
    }
    about = {"order_id": order_id, "fulfillment_id": fulfilment_id}
    seen = [
        about | {"status": each["status"].lower(), "happened_at": each["happenedAt"]}
        for each in node["events"]["nodes"]
    ]
    return merge_facts(
        [
            order_events.fulfilments("fulfillments/update", sent, currency),
            *(order_events.parcels("fulfillment_events/create", each, currency) for each in seen),
        ]
    )
