"""The Admin API: a strict part of Shopify's, with its costs and its refusals."""

import json

from starlette.testclient import TestClient

from devstore.admin.api import answer
from devstore.admin.costs import Bucket
from devstore.serve import build
from devstore.shop.store import Store

URL = "/admin/api/2026-10/graphql.json"

PRODUCTS = """query ($after: String) { products(first: 10, after: $after) {
  nodes { id title handle productType tags status
    featuredMedia { preview { image { url } } }
    variants(first: 5) { nodes { id title price compareAtPrice inventoryQuantity sku } } }
  pageInfo { hasNextPage endCursor } } }"""
CREATE = """mutation ($it: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $it) {
  codeDiscountNode { id } userErrors { field code message } } }"""
ADD = """mutation ($id: ID!, $codes: [DiscountRedeemCodeInput!]!) {
  discountRedeemCodeBulkAdd(discountId: $id, codes: $codes) {
    bulkCreation { id done importedCount } userErrors { code } } }"""
ADDED = """query ($id: ID!) { discountRedeemCodeBulkCreation(id: $id) {
  done importedCount failedCount } }"""
WELCOME = {
    "title": "Welcome",
    "code": "WELCOME",
    "startsAt": "2026-11-01T00:00:00Z",
    "context": {"all": "ALL"},
    "usageLimit": 1,
    "customerGets": {"value": {"percentage": 0.15}, "items": {"all": True}},
}


def data(store, query, **values):
    said = answer(store, query, values)
    assert "errors" not in said, said
    return said["data"]


def test_a_wrong_token_is_401(shop, store):
    token = store.issue_token().access
    ask = {"query": "{ shop { name } }"}

    assert shop.post(URL, json=ask, headers={"X-Shopify-Access-Token": "no"}).status_code == 401
    said = shop.post(URL, json=ask, headers={"X-Shopify-Access-Token": token})
    assert said.json()["data"] == {"shop": {"name": "Dewpoint"}}
    store.uninstall()
    assert shop.post(URL, json=ask, headers={"X-Shopify-Access-Token": token}).status_code == 401


def test_two_shops_in_one_process_are_told_apart_by_host(store, app):
    other = Store(app=app, domain="other.myshopify.com", name="Other")
    other.install()
    headers = {
        "Host": "other.myshopify.com",
        "X-Shopify-Access-Token": other.issue_token().access,
    }
    ask = {"query": "{ shop { name myshopifyDomain } }"}
    with TestClient(build([store, other], deliver=False)) as shops:
        said = shops.post(URL, json=ask, headers=headers).json()
        headers["Host"] = "dewpoint.myshopify.com"
        assert shops.post(URL, json=ask, headers=headers).status_code == 401
    other.close()

    assert said["data"]["shop"] == {"name": "Other", "myshopifyDomain": "other.myshopify.com"}


def test_the_catalogue_comes_in_pages(store):
    found, after = [], None
    while True:
        page = data(store, PRODUCTS, after=after)["products"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert len({each["id"] for each in found}) == 28
    assert found[0]["featuredMedia"]["preview"]["image"]["url"].endswith(".svg")
    assert found[0]["variants"]["nodes"][2]["compareAtPrice"] == "62.00"


def test_a_discount_made_by_the_app_is_honoured(store):
    assert data(store, CREATE, it=WELCOME)["discountCodeBasicCreate"]["userErrors"] == []
    cart = store.add_to_cart(None, store.products()[0]["variants"][0]["id"])
    token = store.start_checkout(cart["token"], "mia@example.com")["token"]

    assert store.apply_code(token, "welcome").cents == 330


def test_a_code_is_taken_once(store):
    data(store, CREATE, it=WELCOME)
    again = data(store, CREATE, it=WELCOME)["discountCodeBasicCreate"]

    assert again["codeDiscountNode"] is None
    assert again["userErrors"][0]["code"] == "TAKEN"
    assert again["userErrors"][0]["field"] == ["basicCodeDiscount", "code"]


def test_codes_in_bulk_are_done_a_moment_later(store):
    number = data(store, CREATE, it=WELCOME)["discountCodeBasicCreate"]["codeDiscountNode"]["id"]
    codes = [{"code": "A"}, {"code": "welcome"}]
    bulk = data(store, ADD, id=number, codes=codes)["discountRedeemCodeBulkAdd"]["bulkCreation"]
    assert bulk["done"] is False

    done = data(store, ADDED, id=bulk["id"])["discountRedeemCodeBulkCreation"]
    assert done == {"done": True, "importedCount": 1, "failedCount": 1}


def test_a_shop_has_one_pixel_of_an_app(store):
    create = 'mutation { webPixelCreate(webPixel: { settings: "{\\"a\\":1}" }) {'
    create += " webPixel { settings } userErrors { code } } }"

    first = data(store, create)["webPixelCreate"]
    assert json.loads(first["webPixel"]["settings"]) == {"a": 1}
    assert data(store, create)["webPixelCreate"]["userErrors"] == [{"code": "TAKEN"}]


def test_metafields_are_set_all_or_none(store):
    fields = """mutation ($it: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $it) {
      metafields { key } userErrors { code elementIndex } } }"""
    good = {"ownerId": store.installation_gid, "namespace": "regulars", "key": "a"}
    good |= {"type": "json", "value": "{}"}
    said = data(store, fields, it=[good, {**good, "key": "b", "value": "{"}])["metafieldsSet"]

    assert said["userErrors"] == [{"code": "INVALID_VALUE", "elementIndex": 1}]
    assert store.metafields(store.installation_gid) == []


def test_a_missing_scope_is_denied(store):
    store.set("granted", [])
    said = answer(store, PRODUCTS)

    assert said["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_an_overdrawn_bucket_is_throttled_with_200_and_fills_again(store):
    seconds = [0.0]
    bucket = Bucket(capacity=200, restore_per_s=10, tick=lambda: seconds[0])
    first = answer(store, PRODUCTS, bucket=bucket)["extensions"]["cost"]
    assert first["actualQueryCost"] <= first["requestedQueryCost"] <= 200
    bucket.take(bucket.status()["currentlyAvailable"])

    said = answer(store, PRODUCTS, bucket=bucket)
    assert said["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert said["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 10
    seconds[0] += 20
    assert "errors" not in answer(store, PRODUCTS, bucket=bucket)


def test_a_query_that_costs_too_much_is_refused(store):
    greedy = "{ products(first: 250) { nodes { variants(first: 250) { nodes { id } } } } }"

    said = answer(store, greedy)
    assert said["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
