"""Turn nodes of the Admin API into the facts of a webhook.

Each node takes the shape of its webhook, so that one normaliser understands both.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from plugin.errors import MalformedError
from plugin.facts import TAG_PREFIX, Facts, merge_facts
from plugin.shopify.api import contracts, order_changes
from plugin.shopify.api import products as api_products
from plugin.shopify.api.products import number
from plugin.shopify.normalise import (
    checkouts,
    collections,
    consent,
    customer_changes,
    customers,
    inventory,
    orders,
    products,
)
from plugin.values import parse_time
from storage.backfills import StoreNoun
from storage.engine.types import JsonObject

TOPIC = "admin_api/"  # with a noun, of a node that is kept among the deliveries
SMS, EMAIL = "customers_marketing_consent/update", "customers_email_marketing_consent/update"
WHATSAPP = "customers_whats_app_marketing_consent/update"
TAGS, SUMS = "customer.tags_added", "customers/purchasing_summary"


def facts_of(
    shop_id: int,
    noun: StoreNoun,
    node: JsonObject,
    children: list[JsonObject],
    *,
    currency: str,
    reported_at: datetime | None = None,
) -> Facts:
    """Return the facts of a node and its children.

    Args:
        reported_at: when Shopify sent it; without, it is as old as the last change.

    Raises:
        MalformedError, ShopifyError, KeyError, TypeError: it is not as Shopify promises.
    """
    sent = {"triggered_at": reported_at.isoformat()} if reported_at else {}
    if noun == StoreNoun.PRODUCTS:
        whole = {**node, "variants": {"nodes": children, "pageInfo": {"hasNextPage": False}}}
        payload = api_products.payload(shop_id, whole) | sent
        return products.normalise("products/update", payload, currency)
    if noun == StoreNoun.CUSTOMERS:
        who = customers.normalise("customers/update", _customer(node), currency)
        consents = [consent.normalise(*each, currency) for each in _consents(node)]
        tags, sums = [customer_changes.normalise(*each, currency) for each in _changes(node)]
        tags.profiles[0].complete_prefix = TAG_PREFIX
        return merge_facts([who, *consents, tags, sums])
    if noun == StoreNoun.REFUNDS:
        return order_changes.refund_facts(node, currency)
    if noun == StoreNoun.RETURNS:
        return order_changes.return_facts(node, currency)
    if noun == StoreNoun.FULFILMENTS:
        return order_changes.fulfilment_facts(node, children, currency)
    if noun == StoreNoun.SUBSCRIPTIONS:
        return contracts.contract_facts(node, children, currency, reported_at=reported_at)
    topic, normalise, shape = TELLINGS[noun]
    return normalise(topic, shape(node, children) | sent, currency)


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """A node that was kept because it could not be read: {node, children}, by its noun."""
    noun, told = StoreNoun(topic.removeprefix(TOPIC)), payload.get("triggered_at")
    node, children = payload["node"], payload["children"]
    if node is None:
        raise MalformedError("the record is not there, or is no JSON")
    reported_at = parse_time(told, "triggered_at") if told else None
    facts = facts_of(0, noun, node, children, currency=currency, reported_at=reported_at)
    return replace(facts, historical=True)


def _customer(node: JsonObject) -> JsonObject:
    """customers/update. Inside orders and checkouts fewer fields are asked for."""
    return {
        "id": number(node["id"]),
        "email": (node["defaultEmailAddress"] or {}).get("emailAddress"),
        "phone": (node["defaultPhoneNumber"] or {}).get("phoneNumber"),
        "first_name": node["firstName"],
        "last_name": node["lastName"],
        "locale": node.get("locale"),
        "updated_at": node.get("updatedAt"),
        "default_address": _address(node.get("defaultAddress")),
    }


def _consents(node: JsonObject) -> list[tuple[str, JsonObject]]:
    """The three consent webhooks, by topic. A yes without a date is as old as the customer,
    a no as young as the customer's last change.
    """
    found: list[tuple[str, JsonObject]] = []
    customer = number(node["id"])
    if email := node["defaultEmailAddress"]:
        kept = (email["marketingState"], email["marketingOptInLevel"], email["marketingUpdatedAt"])
        consent_part = {"email_marketing_consent": _consent(node, *kept)}
        address = email["emailAddress"]
        opens = {"open_tracking_level": email.get("openTrackingLevel"), "updated_at": _told(node)}
        who = {"customer_id": customer, "email_address": address}
        found.append((EMAIL, {**who, **consent_part, **opens}))
    if phone := node["defaultPhoneNumber"]:
        number_said = phone["phoneNumber"]
        consent_part = {
            "sms_marketing_consent": _consent(node, *_kept(phone["smsMarketingConsent"]))
        }
        found.append((SMS, {"id": customer, "phone": number_said, **consent_part}))
        whats_app = _consent(node, *_kept(phone["whatsAppMarketingConsent"]))
        consent_part = {"whats_app_marketing_consent": whats_app}
        found.append(
            (WHATSAPP, {"customer_id": customer, "phone_number": number_said, **consent_part})
        )
    return found


def _kept(consent_part: JsonObject) -> tuple[str, str | None, str | None]:
    return consent_part["state"], consent_part["optInLevel"], consent_part["updatedAt"]


def _changes(node: JsonObject) -> list[tuple[str, JsonObject]]:
    """Return the customer's tags and sums, as of the customer's last change."""
    about = {"customerId": node["id"], "occurredAt": node["updatedAt"]}
    sums = {name: node[name] for name in ("numberOfOrders", "amountSpent")}
    return [(TAGS, {**about, "tags": node["tags"]}), (SUMS, {**about, **sums})]


def _consent(node: JsonObject, state: str, level: str | None, at: str | None) -> JsonObject:
    return {
        "state": state.replace("NEVER", "NOT").lower(),  # newer consents have another word for it
        "opt_in_level": (level or "").lower() or None,
        "consent_updated_at": at or (node["createdAt"] if state == "SUBSCRIBED" else _told(node)),
    }


def _told(node: JsonObject) -> str:
    return str(node.get("updatedAt") or node["createdAt"])


def _order(node: JsonObject, children: list[JsonObject]) -> JsonObject:
    return {
        "id": number(node["id"]),
        "name": node["name"],
        "email": node["email"],
        "phone": node["phone"],
        "test": node["test"],
        "source_name": node["sourceName"],
        "tags": ", ".join(node["tags"]),
        "created_at": node["createdAt"],
        "processed_at": node["processedAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "currency": node["currencyCode"],
        "customer_locale": node["customerLocale"],
        "cart_token": node["cartToken"],
        "checkout_token": node["checkoutToken"],
        "discount_codes": [{"code": code} for code in node["discountCodes"]],
        "order_status_url": node["statusPageUrl"],
        "total_price_set": _bag(node["totalPriceSet"]),
        "current_total_price_set": _own(node["currentTotalPriceSet"]),
        "total_discounts": _amount(node["totalDiscountsSet"]),
        "total_tax": _amount(node["totalTaxSet"]),
        "total_tip_received": _amount(node["totalTipReceivedSet"]),
        "total_shipping_price_set": _own(node["totalShippingPriceSet"]),
        "billing_address": _address(node["billingAddress"]),
        "customer": _customer(node["customer"]) if node["customer"] else None,
        "line_items": [_order_line(child) for child in children],
    }


def _order_line(node: JsonObject) -> JsonObject:
    return _line(node) | {
        "id": number(node["id"]),
        "current_quantity": node["currentQuantity"],
        "sku": node["sku"],
        "vendor": node["vendor"],
        "gift_card": node["isGiftCard"],
        "requires_shipping": node["requiresShipping"],
        "price_set": _bag(node["originalUnitPriceSet"]),
    }


def _checkout(node: JsonObject, children: list[JsonObject]) -> JsonObject:
    """Return a checkout as checkouts/update has it, with amounts in the shopper's currency.

    The API tells neither of its tokens: one of them is in the checkout's recovery link.
    """
    link = checkouts.LINK.search(node["abandonedCheckoutUrl"])
    customer = _customer(node["customer"]) if node.get("customer") else {}
    return {
        "token": link["token"] if link and not link["cart"] else None,
        "email": customer.get("email"),
        "phone": customer.get("phone"),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "completed_at": node["completedAt"],
        "presentment_currency": node["totalPriceSet"]["presentmentMoney"]["currencyCode"],
        "total_price": _seen(node["totalPriceSet"]),
        "abandoned_checkout_url": node["abandonedCheckoutUrl"],
        "billing_address": _address(node.get("billingAddress")),
        "customer": customer or None,
        "line_items": [
            _line(child) | {"price": _seen(child["originalUnitPriceSet"])} for child in children
        ],
    }


def _line(node: JsonObject) -> JsonObject:
    return {
        "title": node["title"],
        "variant_title": node["variantTitle"],
        "quantity": node["quantity"],
        "product_id": number(node["product"]["id"]) if node["product"] else None,
        "variant_id": number(node["variant"]["id"]) if node["variant"] else None,
    }


def _address(node: JsonObject | None) -> JsonObject | None:
    if not node:
        return None
    return {
        "first_name": node["firstName"],
        "last_name": node["lastName"],
        "country_code": node["countryCodeV2"],
    }


def _seen(bag: JsonObject) -> Any:
    return bag["presentmentMoney"]["amount"]


def _amount(bag: JsonObject | None) -> Any:
    """An amount in the shop's currency; Shopify leaves out the tax of an order that has none."""
    return bag["shopMoney"]["amount"] if bag else "0"


def _own(bag: JsonObject) -> JsonObject:
    """An amount in the shop's currency alone, as webhooks write it."""
    return {"shop_money": {"amount": bag["shopMoney"]["amount"]}}


def _bag(bag: JsonObject) -> JsonObject:
    """An amount in the shop's currency and in the shopper's, as webhooks write it."""
    seen = bag["presentmentMoney"]
    return {
        "shop_money": {"amount": bag["shopMoney"]["amount"]},
        "presentment_money": {"amount": seen["amount"], "currency_code": seen["currencyCode"]},
    }


def _collection(node: JsonObject, _children: list[JsonObject]) -> JsonObject:
    return {
        "id": number(node["id"]),
        "title": node["title"],
        "handle": node["handle"],
        "updated_at": node["updatedAt"],
    }


def _level(node: JsonObject, _children: list[JsonObject]) -> JsonObject:
    (available,) = node["quantities"]
    return {
        "inventory_item_id": number(node["item"]["id"]),
        "location_id": number(node["location"]["id"]),
        "available": available["quantity"] if node["isActive"] else None,
        "updated_at": node["updatedAt"],
        "triggered_at": node["updatedAt"],
    }


def _destroyed(node: JsonObject, _children: list[JsonObject]) -> JsonObject:
    return {"id": number(node["subjectId"])}


# The webhook that would tell the same, its normaliser, and how a node takes its shape.
TELLINGS: dict[
    StoreNoun,
    tuple[
        str,
        Callable[[str, JsonObject, str], Facts],
        Callable[[JsonObject, list[JsonObject]], JsonObject],
    ],
] = {
    StoreNoun.ORDERS: ("orders/updated", orders.normalise, _order),
    StoreNoun.CHECKOUTS: ("checkouts/update", checkouts.normalise, _checkout),
    StoreNoun.COLLECTIONS: ("collections/update", collections.normalise, _collection),
    StoreNoun.STOCK: ("inventory_levels/update", inventory.levels, _level),
    StoreNoun.DELETIONS: ("products/delete", products.normalise, _destroyed),
    StoreNoun.COLLECTION_DELETIONS: ("collections/delete", collections.normalise, _destroyed),
}
