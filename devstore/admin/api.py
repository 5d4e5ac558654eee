"""Answer GraphQL requests with an access token as the Admin API does."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.language import DocumentNode
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devstore.admin import (
    billing,
    bulk,
    costs,
    customer_mutations,
    history,
    markets,
    mutations,
    resolvers,
    stock,
)
from devstore.shop.shops import shop_of
from devstore.shop.store import Store

VERSION = re.compile(r"20\d\d-(01|04|07|10)")
SCHEMA: GraphQLSchema = build_schema(Path(__file__).with_name("schema.graphql").read_text())

NEEDS = {
    "product": ("read_products",),
    "products": ("read_products",),
    "productVariants": ("read_products",),
    "markets": ("read_markets",),
    "shopLocales": ("read_locales",),
    "collections": ("read_products",),
    "collectionsCount": ("read_products",),
    "locations": ("read_inventory", "read_locations"),
    "inventoryItems": ("read_inventory",),
    "subscriptionContracts": ("read_own_subscription_contracts",),
    "customer": ("read_customers",),
    "customers": ("read_customers",),
    "customerByIdentifier": ("read_customers",),
    "customerSet": ("write_customers",),
    "customerEmailMarketingConsentUpdate": ("write_customers",),
    "customerSmsMarketingConsentUpdate": ("write_customers",),
    "customerWhatsAppMarketingConsentUpdate": ("write_customers",),
    "tagsAdd": ("write_customers",),
    "tagsRemove": ("write_customers",),
    "order": ("read_orders",),
    "fulfillment": ("read_orders",),
    "orders": ("read_orders",),
    "abandonedCheckouts": ("read_orders",),
    "customersCount": ("read_customers",),
    "productsCount": ("read_products",),
    "ordersCount": ("read_orders",),
    "abandonedCheckoutsCount": ("read_orders",),
    "codeDiscountNodeByCode": ("read_discounts",),
    "discountRedeemCodeBulkCreation": ("read_discounts",),
    "discountCodeBasicCreate": ("write_discounts",),
    "discountCodeFreeShippingCreate": ("write_discounts",),
    "discountRedeemCodeBulkAdd": ("write_discounts",),
    "webPixel": ("read_pixels",),
    "webPixelCreate": ("write_pixels", "read_customer_events"),
    "webPixelUpdate": ("write_pixels", "read_customer_events"),
}


def lacking(store: Store, name: str) -> list[str]:
    """The access scopes that a root field needs and the app does not hold."""
    held = set(store.granted)
    held |= {each.replace("write_", "read_") for each in held}  # writing includes reading
    return [each for each in NEEDS.get(name, ()) if each not in held]


class Root:
    """Where queries and mutations start."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        """A root field's resolver, once the app may use it."""
        if name.startswith("__") or name not in FIELDS:
            raise AttributeError(name)
        return lambda info, **given: self._allowed(name, given)

    def _allowed(self, name: str, given: dict[str, Any]) -> Any:
        if missing := lacking(self._store, name):
            raise resolvers.access_denied(name, missing)
        return FIELDS[name](self._store, **given)


def _product(store: Store, id: str) -> Any:
    found = store.product(resolvers.number(id, "Product"))
    return resolvers.product(store, found) if found else None


def _customer(store: Store, id: str) -> Any:
    found = store.customer(resolvers.number(id, "Customer"))
    return history.customer(store, found) if found else None


def _order(store: Store, id: str) -> Any:
    found = store.order(resolvers.number(id, "Order"))
    return history.order(store, found) if found else None


def _fulfillment(store: Store, id: str) -> Any:
    wanted = resolvers.number(id, "Fulfillment")
    return next(
        (
            history.fulfilment(store, order, row)
            for order in store.orders()
            for row in order.get("fulfillments", ())
            if row["id"] == wanted
        ),
        None,
    )


def _run_in_bulk(store: Store, query: str, **_given: Any) -> Any:
    return bulk.run(store, query, read_document, lambda field: lacking(store, field))


def _discount_by_code(store: Store, code: str) -> Any:
    row = store.row("select discount_id from code where code = ?", code)
    found = store.discount(row["discount_id"]) if row else None
    return resolvers.discount(store, found) if found else None


COUNTED = ("customers", "products", "collections", "orders", "abandonedCheckouts")
PAGED = (*COUNTED, "productVariants", "inventoryItems", "subscriptionContracts", "events")
FIELDS: dict[str, Any] = {
    "shop": resolvers.shop,
    "currentAppInstallation": lambda store: {
        **resolvers.installation(store),
        "activeSubscriptions": lambda _info: billing.active(store),
    },
    "appSubscriptionCreate": billing.create,
    "product": _product,
    "locations": stock.locations,
    "markets": markets.markets,
    "shopLocales": markets.shop_locales,
    "customer": _customer,
    "order": _order,
    "fulfillment": _fulfillment,
    **{
        f"{field}Count": lambda store, field=field, **given: history.count(store, field, **given)
        for field in COUNTED
    },
    **{
        field: lambda store, field=field, **given: history.page(store, field, **given)
        for field in PAGED
    },
    "bulkOperation": lambda store, id: bulk.operation(store, resolvers.number(id, bulk.KIND)),
    "bulkOperations": bulk.operations,
    "currentBulkOperation": bulk.latest,
    "bulkOperationRunQuery": _run_in_bulk,
    "bulkOperationCancel": lambda store, id: bulk.cancel(store, resolvers.number(id, bulk.KIND)),
    "codeDiscountNodeByCode": _discount_by_code,
    "discountRedeemCodeBulkCreation": lambda store, id: mutations.bulk_creation(
        store, resolvers.number(id, "DiscountRedeemCodeBulkCreation")
    ),
    "webPixel": lambda store, id=None: resolvers.pixel(store),
    "discountCodeBasicCreate": lambda store, **given: mutations.create_discount(
        store, given["basicCodeDiscount"]
    ),
    "discountCodeFreeShippingCreate": lambda store, **given: mutations.create_free_shipping(
        store, given["freeShippingCodeDiscount"]
    ),
    "discountRedeemCodeBulkAdd": lambda store, **given: mutations.add_codes(
        store, given["discountId"], given["codes"]
    ),
    "customerByIdentifier": customer_mutations.by_identifier,
    "customerSet": customer_mutations.set_customer,
    "customerEmailMarketingConsentUpdate": customer_mutations.email_consent,
    "customerSmsMarketingConsentUpdate": customer_mutations.sms_consent,
    "customerWhatsAppMarketingConsentUpdate": customer_mutations.whatsapp_consent,
    "tagsAdd": lambda store, **given: customer_mutations.tag(store, on=True, **given),
    "tagsRemove": lambda store, **given: customer_mutations.tag(store, on=False, **given),
    "metafieldsSet": lambda store, metafields: mutations.set_metafields(store, metafields),
    "webPixelCreate": lambda store, **given: mutations.create_pixel(store, given["webPixel"]),
    "webPixelUpdate": lambda store, **given: mutations.update_pixel(
        store, given["id"], given["webPixel"]
    ),
}


@lru_cache(maxsize=200)
def read_document(query: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """A query that keeps to the schema, or its faults.

    An app asks the same few again and again; to validate one takes longer than to answer it.
    """
    try:
        document = parse(query)
    except GraphQLError as error:
        return None, [error]
    faults = validate(SCHEMA, document)
    return (None if faults else document), faults


def answer(
    store: Store,
    query: str,
    variables: dict[str, Any] | None = None,
    operation: str | None = None,
    *,
    bucket: costs.Bucket | None = None,
) -> dict[str, Any]:
    """What the Admin API says to a query, costs and errors included."""
    bucket = bucket or costs.Bucket()
    values = variables or {}
    document, faults = read_document(query)
    if document is None:
        return {"errors": [fault.formatted for fault in faults]}
    asked = costs.requested(SCHEMA, document, operation, values)
    if asked > costs.MOST:
        why = f"Query cost is {asked}, which exceeds the single query max cost limit 1000."
        return {"errors": [_error(why, "MAX_COST_EXCEEDED")]}
    if not bucket.take(asked):
        return {
            "errors": [_error("Throttled", "THROTTLED")],
            "extensions": {"cost": _cost(asked, None, bucket)},
        }
    done = execute_sync(
        SCHEMA,
        document,
        root_value=Root(store),
        variable_values=values,
        operation_name=operation,
    )
    used = min(asked, costs.actual(done.data, mutation=_mutates(document, operation)))
    bucket.take(used - asked)
    return {**done.formatted, "extensions": {"cost": _cost(asked, used, bucket)}}


def _mutates(document: DocumentNode, operation: str | None) -> bool:
    found = get_operation_ast(document, operation)
    return bool(found and found.operation.value == "mutation")


def _cost(asked: int, used: int | None, bucket: costs.Bucket) -> dict[str, Any]:
    return {
        "requestedQueryCost": asked,
        "actualQueryCost": used,
        "throttleStatus": bucket.status(),
    }


def _error(message: str, code: str) -> dict[str, Any]:
    about = "https://shopify.dev/api/usage/rate-limits"
    return {"message": message, "extensions": {"code": code, "documentation": about}}


async def graphql(request: Request) -> Response:
    """POST /admin/api/{version}/graphql.json."""
    store = shop_of(request)
    if not VERSION.fullmatch(request.path_params["version"]):
        return JSONResponse({"errors": "Not Found"}, status_code=404)
    if not store.admits(request.headers.get("X-Shopify-Access-Token", "")):
        why = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return JSONResponse({"errors": why}, status_code=401)
    try:
        asked = await request.json()
        query = asked["query"]
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"errors": {"query": "Required parameter missing"}}, status_code=400)
    bucket = request.app.state.buckets.setdefault(store.domain, costs.Bucket())
    said = answer(store, query, asked.get("variables"), asked.get("operationName"), bucket=bucket)
    version = {"X-Shopify-API-Version": request.path_params["version"]}
    return JSONResponse(said, headers=version)


routes = [
    Route("/admin/api/{version}/graphql.json", graphql, methods=["POST"]),
    *bulk.routes,
]
