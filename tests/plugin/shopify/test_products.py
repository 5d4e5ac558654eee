"""The catalog read from the API, and what webhooks say beside it."""

from datetime import timedelta

import pytest
from sqlmodel import select

from devstore.admin.resolvers import variant
from plugin import clock
from plugin.shopify.api import products as api_products
from plugin.shopify.api.http import ShopifyError
from plugin.shopify.api.products import number
from plugin.shopify.install.installation import install
from plugin.shopify.normalise.products import normalise
from plugin.sync.products import sync_products
from storage import products
from storage.engine import db
from storage.products import Variant
from tests.plugin.shopify.box import Shopify, the_shop

DOMAIN = "dewpoint.myshopify.com"


@pytest.fixture
def shop_id(sqlite: str, shopify: Shopify) -> int:
    return install(DOMAIN, shopify.id_token())


def test_every_product_is_kept_as_its_webhook_would_have_it(
    database: str, shopify: Shopify
) -> None:
    shop_id = install(DOMAIN, shopify.id_token())

    count = sync_products(shop_id)

    theirs = {row["id"]: row for row in shopify.store.products(active=False)}
    with db.reading() as session:
        ours = products.products_by_id(session, shop_id, list(theirs))
    assert count == len(theirs) == len(ours) > 0
    for product_id, product in ours.items():
        one = theirs[product_id]
        assert product.title == one["title"]
        assert product.price == min(each["price"] for each in one["variants"])
        assert product.image.startswith("http")
        assert product.status == "active"
    assert the_shop(shop_id).catalog_synced_at is not None


def test_twice_is_the_same(shop_id: int, shopify: Shopify) -> None:
    assert sync_products(shop_id) == sync_products(shop_id)


def test_more_pages_than_one_are_read_to_the_end(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = _Pages(counts=[25, 25, 3])
    monkeypatch.setattr(api_products, "query", pages)

    assert sync_products(shop_id) == 53
    with db.reading() as session:
        assert len(products.products_to_recommend(session, shop_id, clock.now())) == 53


def test_a_product_with_many_variants_has_them_all(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = _Pages(counts=[1], variants=[30, 250, 5])
    monkeypatch.setattr(api_products, "query", pages)

    sync_products(shop_id)

    with db.reading() as session:
        found = session.exec(select(Variant).where(Variant.shop_id == shop_id)).all()
    assert {variant.id for variant in found} == {*range(1, 286)}


def test_an_older_page_never_replaces_a_newer_webhook(shop_id: int, shopify: Shopify) -> None:
    sync_products(shop_id)
    row = shopify.store.products(active=False)[0]
    later = (clock.now() + timedelta(hours=1)).isoformat()
    payload = {"id": row["id"], "title": "Newer", "handle": "x", "updated_at": later}
    (described,) = normalise("products/update", payload, "USD").products
    with db.transaction() as session:
        products.save_products(session, shop_id, [described])

    sync_products(shop_id)

    with db.reading() as session:
        assert products.products_by_id(session, shop_id, [row["id"]])[row["id"]].title == "Newer"


def test_what_is_gone_goes_off_sale_and_what_is_new_stays(shop_id: int, shopify: Shopify) -> None:
    now = clock.now()
    for product_id, age in ((1, timedelta(days=9)), (2, timedelta(minutes=1))):
        said = {"id": product_id, "title": "T", "updated_at": (now - age).isoformat()}
        (described,) = normalise("products/update", said, "USD").products
        with db.transaction() as session:
            products.save_products(session, shop_id, [described])

    sync_products(shop_id)

    with db.reading() as session:
        found = products.products_by_id(session, shop_id, [1, 2])
    assert (found[1].status, found[2].status) == ("deleted", "active")


@pytest.mark.parametrize("gid", ["", "gid://shopify/Product/", "gid://shopify/Product/x", "٣/²"])
def test_an_id_that_is_none_is_an_error(gid: str) -> None:
    with pytest.raises(ShopifyError):
        number(gid)


class _Pages:
    """A shop with more products than the dev store sells."""

    def __init__(self, counts: list[int], variants: list[int] | None = None) -> None:
        self.counts, self.variants = counts, variants or [1]

    def __call__(self, shop_id: int, document: str, variables: dict) -> dict:
        after = int(variables.get("after") or 0)
        if document == "variants":
            return {"product": {"variants": self._variants(after)}}
        start = sum(self.counts[:after])
        nodes = [self._product(start + at + 1) for at in range(self.counts[after])]
        return {"products": {"nodes": nodes, "pageInfo": _info(after, self.counts)}}

    def _product(self, number: int) -> dict:
        return {
            "id": f"gid://shopify/Product/{number}",
            "title": f"Number {number}",
            "handle": f"number-{number}",
            "descriptionHtml": "",
            "productType": "",
            "tags": ["a"],
            "status": "ACTIVE",
            "publishedAt": "2026-11-01T00:00:00Z",
            "updatedAt": "2026-11-01T00:00:00Z",
            "featuredMedia": None,
            "variants": self._variants(0),
        }

    def _variants(self, page: int) -> dict:
        start = sum(self.variants[:page])
        about = {"created_at": "", "updated_at": ""}
        row = {"title": "S", "price": 1_000, "compare_at": None, "stock": 1, "sku": ""}
        nodes = [variant(about, {**row, "id": start + n + 1}) for n in range(self.variants[page])]
        return {"nodes": nodes, "pageInfo": _info(page, self.variants)}


def _info(page: int, pages: list[int]) -> dict:
    return {"hasNextPage": page + 1 < len(pages), "endCursor": str(page + 1)}
