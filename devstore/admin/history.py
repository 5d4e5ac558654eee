"""The shop's history as the Admin API reads it: customers, orders and abandoned checkouts.

Fields that cost a query of their own are functions, called when a query asks for them.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from graphql import GraphQLError

from devstore.admin import after_sales, markets, resolvers, search, stock
from devstore.admin.resolvers import Answer
from devstore.sales import amounts
from devstore.shop import order_payloads
from devstore.shop.customers import consent_of
from devstore.shop.database import Document
from devstore.shop.payloads import gid, money
from devstore.shop.store import Store

FULFILMENT = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}
MOST = 250  # nodes in a page
READ = 500  # rows at a time, when all are read
# An app sees the orders of the last 60 days, unless it may read all: shopify.dev, access scopes.
RECENT_ORDERS = timedelta(days=60)
# Each connection's rows as (id, created_at, updated_at, body).
ROWS = {
    "products": "select id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at, body from product",
    "productVariants": "select each.value ->> 'id' as id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at,"
    " json_object('product', json(body), 'variant', json(each.value)) as body"
    " from product, json_each(body, '$.variants') as each",
    "collections": "select id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at, body from collection",
    "inventoryItems": "select cast(size.value ->> 'id' as integer) as id,"
    " product.body ->> 'created_at' as created_at, product.body ->> 'updated_at' as updated_at,"
    " size.value as body from product, json_each(product.body, '$.variants') as size",
    "subscriptionContracts": "select id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at, body from contract",
    "customers": "select id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at, body from customer",
    "orders": "select id, body ->> 'created_at' as created_at,"
    " body ->> 'updated_at' as updated_at, body from orders",
    # Checkouts with an address and no payment: shopify.dev, abandonedCheckouts.
    "abandonedCheckouts": "select body ->> 'number' as id, body ->> 'created_at' as created_at,"
    " updated_at, body from checkout where order_id is null and body ->> 'announced'",
    "events": "select id, created_at, action, subject_type, json_object('id', id, 'action', action,"
    " 'subject', subject, 'subject_type', subject_type, 'created_at', created_at) as body"
    " from event",
}
SORTED = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at", "ID": "id"}


def page(
    store: Store,
    field: str,
    first: int | None = None,
    after: str | None = None,
    *,
    query: str | None = None,
    reverse: bool = False,
    sortKey: str = "ID",  # noqa: N803
) -> Answer:
    """A page of one of the shop's connections."""
    if first is None:
        raise GraphQLError("you must provide one of first or last")
    if not 0 <= first <= MOST:
        raise GraphQLError(f"first cannot exceed {MOST}, got {first}")
    where, values = _where(store, field, query)
    column, way = SORTED[sortKey or "ID"], "<" if reverse else ">"
    if after:
        # Shopify's cursors hold the last value and id, so that what moves meanwhile hides nothing.
        where += f" and ({column}, id) {way} (?, ?)"
        values += resolvers.opened(after)
    turn = "desc" if reverse else "asc"
    rows = store.rows(
        f"select id, {column} as place, body from ({ROWS[field]})"
        f" where {where} order by {column} {turn}, id {turn} limit ?",
        *values,
        first + 1,
    )
    nodes = [MAKERS[field](store, json.loads(row["body"])) for row in rows[:first]]
    cursors = [resolvers.cursor([row["place"], row["id"]]) for row in rows[:first]]
    return resolvers.frame(nodes, cursors, before=bool(after), more=len(rows) > first)


def count(store: Store, field: str, query: str | None = None, limit: int | None = 10_000) -> Answer:
    """Count the nodes of a connection, up to a limit."""
    where, values = _where(store, field, query)
    found = store.row(f"select count(*) as n from ({ROWS[field]}) where {where}", *values)
    number = int(found["n"]) if found else 0
    exact = limit is None or number <= limit
    precision = "EXACT" if exact else "AT_LEAST"
    return {"count": number if exact else limit, "precision": precision}


def every(store: Store, field: str, query: str | None) -> Iterator[Answer]:
    """All of a connection's nodes, oldest first, a few hundred in memory at a time."""
    where, values = _where(store, field, query)
    last = 0
    while True:
        rows = store.rows(
            f"select id, body from ({ROWS[field]}) where {where} and id > ? order by id limit ?",
            *values,
            last,
            READ,
        )
        for row in rows:
            yield MAKERS[field](store, json.loads(row["body"]))
        if len(rows) < READ:
            return
        last = rows[-1]["id"]


def _where(store: Store, field: str, query: str | None) -> tuple[str, list[Any]]:
    where, values = search.condition(query)
    assert store.app
    if field == "orders" and "read_all_orders" not in store.app.scopes:
        where += " and created_at >= ?"
        values.append((store.now() - RECENT_ORDERS).isoformat())
    return where, values


def customer(store: Store, row: Document) -> Answer:
    """A customer."""

    return {
        "id": gid("Customer", row["id"]),
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "locale": row.get("locale") or "en",
        "state": "ENABLED" if row.get("account") else "DISABLED",
        "tags": row.get("tags", []),
        "note": None,
        "numberOfOrders": lambda _info: str(store.purchases(row["id"])[0]),
        "amountSpent": lambda _info: _money(store, store.purchases(row["id"])[1]),
        "defaultEmailAddress": _email(row),
        "defaultPhoneNumber": _phone(row),
        "defaultAddress": _address(row.get("address"), row["id"] + 5),
        "createdAt": resolvers.instant(row["created_at"]),
        "updatedAt": resolvers.instant(row["updated_at"]),
    }


def _email(row: Document) -> Answer | None:
    if not row["email"] or row["email_consent"]["state"] == "redacted":
        return None  # the address goes with the other personal data; its states know no such word
    state, at, level = _consent(row["email_consent"])
    return {
        "emailAddress": row["email"],
        "marketingState": state,
        "marketingUpdatedAt": at,
        "marketingOptInLevel": level,
        "openTrackingLevel": "UNKNOWN",
    }


def _phone(row: Document) -> Answer | None:
    if not row["phone"]:
        return None

    def consent(channel: str) -> Answer:
        state, at, level = _consent(consent_of(row, channel))
        said = state.replace("NOT_", "NEVER_")  # the newer types' word
        return {"state": said, "updatedAt": at, "optInLevel": level}

    return {
        "phoneNumber": row["phone"],
        "smsMarketingConsent": consent("sms"),
        "whatsAppMarketingConsent": consent("whatsapp"),
    }


def _consent(kept: Document) -> tuple[str, str | None, str | None]:
    level = kept["opt_in_level"]
    at = resolvers.instant(kept["updated_at"])
    return kept["state"].upper(), at, level.upper() if level else None


def _address(kept: Document | None, number: int) -> Answer | None:
    if not kept:
        return None
    return {
        "id": gid("MailingAddress", number),
        "firstName": kept.get("first_name"),
        "lastName": kept.get("last_name"),
        "company": kept.get("company"),
        "address1": kept.get("address1"),
        "address2": kept.get("address2"),
        "city": kept.get("city"),
        "province": kept.get("province"),
        "provinceCode": kept.get("province_code"),
        "country": kept.get("country"),
        "countryCodeV2": kept.get("country_code"),
        "zip": kept.get("zip"),
        "phone": kept.get("phone"),
    }


def order(store: Store, row: Document) -> Answer:
    """An order with its lines, and what became of it."""

    def line(place: int) -> Answer:
        return _line(store, row, place, ("LineItem", row["id"] + 100))

    reason = row["cancel_reason"]
    return {
        "id": gid("Order", row["id"]),
        "name": f"#{row['order_number']}",
        "email": row["email"],
        "phone": row["phone"],
        "test": amounts.is_test(row),
        "sourceName": "web",
        "tags": [],
        "createdAt": resolvers.instant(row["created_at"]),
        "processedAt": resolvers.instant(row["created_at"]),
        "updatedAt": resolvers.instant(row["updated_at"]),
        "cancelledAt": resolvers.instant(row["cancelled_at"]),
        "cancelReason": reason.upper() if reason else None,
        "currencyCode": store.currency,
        "customer": _buyer(store, row["customer_id"]),
        "customerLocale": row["locale"],
        "cartToken": row["cart_token"],
        "checkoutToken": row["checkout_token"],
        "discountCodes": [row["code"]] if row["code"] else [],
        "displayFinancialStatus": row["financial_status"].upper(),
        "displayFulfillmentStatus": FULFILMENT[row["fulfillment_status"]],
        "billingAddress": _address(row["address"], row["id"] + 9),
        "shippingAddress": _address(row["address"], row["id"] + 9),
        "statusPageUrl": f"{store.storefront_url}/orders/{row['token']}",
        "subtotalPriceSet": _bag(store, row["subtotal"] - row["reduction"]),
        "currentTotalPriceSet": _bag(store, amounts.current_total(row)),
        "totalDiscountsSet": _bag(store, order_payloads.saved(row)),
        "totalPriceSet": _bag(store, amounts.paid(row)),
        "totalRefundedSet": _bag(store, amounts.refunded(row)),
        "totalShippingPriceSet": _bag(store, row["shipping"] + int(row.get("shipping_off", 0))),
        "totalTaxSet": _bag(store, 0),
        "totalTipReceivedSet": _bag(store, 0),
        "lineItems": _lines(store, row, "LineItem", row["id"] + 100),
        **after_sales.changes(store, row, line),
    }


def fulfilment(store: Store, order: Document, row: Document) -> Answer:
    """One fulfilment of an order."""
    ids = ("LineItem", order["id"] + 100)
    return after_sales.fulfilment(row, lambda place: _line(store, order, place, ids))


def checkout(store: Store, row: Document) -> Answer:
    """A checkout that was left behind."""
    kept = store.customer(row["email"]) if row["email"] else None
    return {
        "id": gid("AbandonedCheckout", row["number"]),
        "name": f"#{row['number']}",
        "abandonedCheckoutUrl": order_payloads.recover_url(store, row),
        "createdAt": resolvers.instant(row["created_at"]),
        "updatedAt": resolvers.instant(row["updated_at"]),
        "completedAt": resolvers.instant(row["completed_at"]),
        # Shopify makes a customer of each address left in a checkout; here that happens at the
        # sale.
        "customer": customer(store, kept) if kept else _stranger(store, row),
        "discountCodes": [row["code"]] if row["code"] else [],
        "billingAddress": _address(row["address"], row["number"] + 9),
        "shippingAddress": _address(row["address"], row["number"] + 9),
        "totalPriceSet": _bag(store, amounts.paid(row)),
        "lineItems": _lines(store, row, "AbandonedCheckoutLineItem", row["number"] + 100),
    }


def _stranger(store: Store, row: Document) -> Answer:
    nothing = {"state": "not_subscribed", "opt_in_level": None, "updated_at": None}
    blank = dict.fromkeys(("first_name", "last_name"))
    return customer(
        store,
        {
            **blank,
            "id": 88_000_000_000_000 + zlib.crc32((row["email"] or row["phone"]).lower().encode()),
            "email": row["email"],
            "phone": row["phone"],
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
            "email_consent": nothing,
            "sms_consent": nothing,
        },
    )


def _buyer(store: Store, number: int) -> Callable[[Any], Answer | None]:
    def found(_info: Any) -> Answer | None:
        row = store.customer(int(number))
        return customer(store, row) if row else None

    return found


def _lines(store: Store, row: Document, kind: str, first_id: int) -> Callable[..., Answer]:
    def line(place: int) -> Answer:
        return _line(store, row, place, (kind, first_id))

    def lines(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return resolvers.connection(range(len(row["lines"])), line, first, after)

    return lines


def _line(store: Store, row: Document, place: int, ids: tuple[str, int]) -> Answer:
    said = row["lines"][place]
    kind, first_id = ids
    return {
        "id": gid(kind, first_id + place),
        "title": said["title"],
        "variantTitle": said["variant_title"],
        "quantity": said["quantity"],
        "currentQuantity": amounts.left({"cancelled_at": None} | row, said),
        "sku": said["sku"],
        "vendor": said["vendor"],
        "isGiftCard": False,
        "requiresShipping": True,
        "originalUnitPriceSet": _bag(store, said["price"]),
        "product": lambda _info: _product(store, said["product_id"]),
        "variant": lambda _info: _variant(store, said),
    }


def _product(store: Store, number: int) -> Answer | None:
    found = store.product(number)
    return resolvers.product(store, found) if found else None


def _variant(store: Store, said: Document) -> Answer | None:
    found = store.product(said["product_id"])
    for each in found["variants"] if found else ():
        if found and each["id"] == said["variant_id"]:
            return resolvers.in_shop(store, found, each)
    return None


def event(store: Store, row: Document) -> Answer:
    """Something that happened in the shop. Only deletions of goods are kept here."""
    return {
        "__typename": "BasicEvent",
        "id": gid("BasicEvent", row["id"]),
        "action": row["action"],
        "createdAt": resolvers.instant(row["created_at"]),
        "subjectId": row["subject"],
        "subjectType": row["subject_type"],
    }


def _money(store: Store, cents: int) -> Answer:
    return {"amount": money(cents), "currencyCode": store.currency}


def _bag(store: Store, cents: int) -> Answer:
    amount = _money(store, cents)
    return {"shopMoney": amount, "presentmentMoney": amount}


MAKERS: dict[str, Callable[[Store, Document], Answer]] = {
    "products": resolvers.product,
    "productVariants": markets.variant,
    "collections": resolvers.collection,
    "inventoryItems": stock.item,
    "subscriptionContracts": after_sales.contract,
    "customers": customer,
    "orders": order,
    "abandonedCheckouts": checkout,
    "events": event,
}
