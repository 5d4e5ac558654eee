"""Build the Admin API's answers, in Shopify's shape, from rows of the shop."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError

from devstore.goods.payloads import item_id
from devstore.shop import catalog
from devstore.shop.database import Document
from devstore.shop.payloads import gid, money, picture_url, published_at
from devstore.shop.store import Store

Answer = dict[str, Any]


def number(identifier: str, kind: str) -> int:
    """The number in a global id of this kind."""
    head = f"gid://shopify/{kind}/"
    if not identifier.startswith(head) or not identifier[len(head) :].isdigit():
        raise GraphQLError(f"Invalid global id '{identifier}'")
    return int(identifier[len(head) :])


def access_denied(field: str, missing: Sequence[str]) -> GraphQLError:
    """What Shopify answers about a field that the app may not read."""
    needed = " and ".join(f"`{each}` access scope" for each in missing)
    return GraphQLError(
        f"Access denied for {field} field. Required access: {needed}.",
        extensions={
            "code": "ACCESS_DENIED",
            "documentation": "https://shopify.dev/api/usage/access-scopes",
            "requiredAccess": ", ".join(missing),
        },
    )


def connection(
    items: Sequence[Any], make: Callable[[Any], Answer], first: int | None, after: str | None
) -> Answer:
    """A page of items. Cursors are opaque outside."""
    if first is None:
        raise GraphQLError("you must provide one of first or last")
    if not 0 <= first <= 250:
        raise GraphQLError(f"first cannot exceed 250, got {first}")
    start = int(opened(after)) + 1 if after else 0
    page = [make(item) for item in items[start : start + first]]
    cursors = [cursor(start + at) for at in range(len(page))]
    return frame(page, cursors, before=start > 0, more=start + first < len(items))


def cursor(place: Any) -> str:
    """A place in a connection, as the outside sees it."""
    return base64.b64encode(json.dumps(place).encode()).decode()


def opened(closed: str) -> Any:
    """The place in a cursor."""
    try:
        return json.loads(base64.b64decode(closed))
    except ValueError:
        raise GraphQLError(f"Invalid cursor for current pagination sort: '{closed}'") from None


def frame(page: Sequence[Answer], cursors: Sequence[str], *, before: bool, more: bool) -> Answer:
    """Nodes and their cursors as the page of a connection."""
    return {
        "nodes": list(page),
        "edges": [{"cursor": c, "node": n} for c, n in zip(cursors, page, strict=True)],
        "pageInfo": {
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
            "hasNextPage": more,
            "hasPreviousPage": before,
        },
    }


def instant(moment: str | None) -> str | None:
    """A kept moment as the Admin API writes it: UTC, to the second."""
    if not moment:
        return None
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shop(store: Store) -> Answer:
    """Return the shop as QueryRoot.shop does."""
    address = {
        "id": gid("ShopAddress", store.shop_id),
        "address1": "210 Water Street",
        "city": "Brooklyn",
        "company": store.name,
        "country": "United States",
        "countryCodeV2": "US",
        "phone": None,
        "province": "New York",
        "provinceCode": "NY",
        "zip": "11201",
    }
    email = f"hello@{store.domain.split('.')[0]}.example"
    host = store.storefront_url.split("://")[1]
    return {
        "id": gid("Shop", store.shop_id),
        "name": store.name,
        "email": email,
        "contactEmail": email,
        "myshopifyDomain": store.domain,
        "primaryDomain": {
            "id": gid("Domain", store.shop_id),
            "host": host.split(":")[0],
            "url": store.storefront_url,
            "sslEnabled": store.storefront_url.startswith("https"),
        },
        "url": store.storefront_url,
        "ianaTimezone": store.zone.key,
        "currencyCode": store.currency,
        "billingAddress": address,
        "shopAddress": address,
    }


def installation(store: Store) -> Answer:
    """The app as it is on this shop."""
    assert store.app

    def metafield(_info: Any, key: str, namespace: str | None = None) -> Answer | None:
        kept = store.metafields(store.installation_gid)
        wanted = (namespace or "$app", key)
        return next((field(e) for e in kept if (e["namespace"], e["key"]) == wanted), None)

    return {
        "id": store.installation_gid,
        "accessScopes": [{"handle": each, "description": each} for each in store.app.scopes],
        "metafield": metafield,
    }


def field(row: Document) -> Answer:
    """A metafield."""
    return {
        "id": gid("Metafield", row["id"]),
        "namespace": row["namespace"],
        "key": row["key"],
        "type": row["type"],
        "value": row["value"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def product(store: Store, row: Document) -> Answer:
    """A product with its sizes."""
    image = {
        "id": gid("ImageSource", row["id"] + 7),
        "altText": row["title"],
        "url": picture_url(store, row),
        "width": 600,
        "height": 720,
    }
    prices = [each["price"] for each in row["variants"]]

    def description(_info: Any, truncateAt: int | None = None) -> str:  # noqa: N803
        return str(row["about"])[:truncateAt]

    def variants(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return connection(row["variants"], lambda each: in_shop(store, row, each), first, after)

    return {
        "id": gid("Product", row["id"]),
        "title": row["title"],
        "handle": row["handle"],
        "translations": translations(row),
        "description": description,
        "descriptionHtml": f"<p>{row['about']}</p>",
        "productType": row["product_type"],
        "vendor": row["vendor"],
        "tags": row["tags"],
        "status": row["status"].upper(),
        "totalInventory": sum(each["stock"] for each in row["variants"]),
        "createdAt": instant(row["created_at"]),
        "updatedAt": instant(row["updated_at"]),
        "publishedAt": instant(published_at(row)),
        "onlineStoreUrl": f"{store.storefront_url}/products/{row['handle']}"
        if catalog.is_shown(row, store.now())
        else None,
        "featuredMedia": {
            "__typename": "MediaImage",
            "id": gid("MediaImage", row["id"] + 7),
            "alt": row["title"],
            "mediaContentType": "IMAGE",
            "status": "READY",
            "preview": {"image": image, "status": "READY"},
            "image": image,
        },
        "priceRangeV2": {
            "minVariantPrice": {"amount": money(min(prices)), "currencyCode": store.currency},
            "maxVariantPrice": {"amount": money(max(prices)), "currencyCode": store.currency},
        },
        "variants": variants,
    }


def in_shop(store: Store, product: Document, row: Document) -> Answer:
    """A size of a product, with what it costs in each country."""
    pricing = contextual_price(store, row)
    return {**variant(product, row), "contextualPricing": pricing}


def variant(product: Document, row: Document) -> Answer:
    """A size of a product."""
    return {
        "id": gid("ProductVariant", row["id"]),
        "title": row["title"],
        "price": money(row["price"]),
        "compareAtPrice": money(row["compare_at"]) if row["compare_at"] else None,
        "inventoryQuantity": row["stock"],
        "availableForSale": row["stock"] > 0,
        "sku": row["sku"],
        "inventoryPolicy": "DENY",
        "inventoryItem": {"id": gid("InventoryItem", item_id(row)), "tracked": True},
        "createdAt": instant(product["created_at"]),
        "updatedAt": instant(product["updated_at"]),
    }


def collection(store: Store, row: Document) -> Answer:
    """A collection, without its goods."""
    return {
        "id": gid("Collection", row["id"]),
        "title": row["title"],
        "handle": row["handle"],
        "descriptionHtml": f"<p>{row['blurb']}</p>",
        "updatedAt": instant(row["updated_at"]),
    }


def discount(store: Store, row: Document) -> Answer:
    """A discount with its codes."""
    now = store.now()
    status = "ACTIVE"
    if datetime.fromisoformat(row["starts_at"]) > now:
        status = "SCHEDULED"
    elif row["ends_at"] and datetime.fromisoformat(row["ends_at"]) <= now:
        status = "EXPIRED"
    found = store.rows("select * from code where discount_id = ? order by id", row["id"])

    def codes(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return connection(found, _code, first, after)

    return {
        "id": gid("DiscountCodeNode", row["id"]),
        "codeDiscount": {
            "__typename": f"DiscountCode{'FreeShipping' if row.get('free_shipping') else 'Basic'}",
            "title": row["title"],
            "status": status,
            "startsAt": row["starts_at"],
            "endsAt": row["ends_at"],
            "usageLimit": row["usage_limit"],
            "appliesOncePerCustomer": row["once_per_customer"],
            "asyncUsageCount": sum(each["uses"] for each in found),
            "codesCount": {"count": len(found), "precision": "EXACT"},
            "codes": codes,
        },
    }


def _code(row: Any) -> Answer:
    return {
        "id": gid("DiscountRedeemCode", row["id"]),
        "code": row["code"],
        "asyncUsageCount": row["uses"],
    }


def pixel(store: Store) -> Answer | None:
    """The app's web pixel; Shopify gives its settings back as text."""
    kept = store.pixel
    if kept is None:
        return None
    return {"id": gid("WebPixel", kept["id"]), "settings": json.dumps(kept["settings"])}


def contextual_price(store: Store, row: Document) -> Callable[..., Answer]:
    """contextualPricing of a variant."""

    def pricing(_info: Any, context: Answer) -> Answer:
        cents, currency = store.price_in(row, context.get("country"))
        return {"price": {"amount": money(cents), "currencyCode": currency}}

    return pricing


def translations(row: Document) -> Callable[..., list[Answer]]:
    """translations of a product."""

    def told(_info: Any, locale: str) -> list[Answer]:
        title = row.get("titles", {}).get(locale)
        kept = {"key": "title", "locale": locale, "outdated": False, "value": title}
        return [kept] if title else []

    return told
