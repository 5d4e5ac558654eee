"""Of each noun: what was lost on its way to us is found, brought here once, and stays as it is."""

from datetime import timedelta

import pytest

from plugin import clock
from plugin.cli import reconcile as cli_reconcile
from storage import collections
from storage.engine import db
from storage.shops import get_shop
from tests.plugin.shopify.box import the_shop
from tests.plugin.sync.comparing import compare, deliver, finish, found, installed


@pytest.fixture
def store(sqlite, shopify, market, later):
    return market.store


@pytest.fixture
def shop_id(store, shopify, market) -> int:
    return installed(market, shopify)


@pytest.fixture
def soon(store):
    """Let the store's time go on: payloads carry whole seconds."""
    began = store.now

    def pass_by() -> None:
        store.now = lambda: began() + timedelta(seconds=2)

    return pass_by


def test_a_collection_that_was_lost_is_brought(store, shop_id):
    made = store.create_collection("winter", "Winter")

    assert found(finish(shop_id)) == {("collections", "missing"): 1}

    assert collection(shop_id, made["id"]) == ("Winter", "winter", False)
    assert found(finish(shop_id)) == {}


def test_a_change_of_a_collection_that_was_lost_is_brought(store, shop_id, soon):
    made = store.create_collection("winter", "Winter")
    deliver(shop_id, store.deliveries())
    soon()
    store.update_collection("winter", title="Warm")

    assert found(finish(shop_id)) == {("collections", "stale"): 1}

    assert collection(shop_id, made["id"]) == ("Warm", "winter", False)
    assert found(finish(shop_id)) == {}


def test_a_collection_of_which_the_end_was_lost_is_gone(store, shop_id):
    made = store.create_collection("winter", "Winter")
    deliver(shop_id, store.deliveries())
    store.delete_collection("winter")

    assert found(finish(shop_id)) == {("collection_deletions", "stale"): 1}

    assert collection(shop_id, made["id"])[2]
    assert found(finish(shop_id)) == {}


def test_what_the_store_does_not_allow_is_left_out_and_said_until_it_does(store, shop_id):
    with db.transaction() as session:
        get_shop(session, shop_id).scopes = ",".join(set(store.granted) - {"read_products"})
    store.grant([scope for scope in store.granted if scope != "read_products"])
    store.create_collection("winter", "Winter")
    store.register_customer("maya@example.com")

    rows = compare(shop_id)

    assert found(rows) == {("customers", "missing"): 1}
    left_out = {noun for noun, row in rows.items() if row.error}
    assert left_out == {"products", "collections", "deletions", "collection_deletions"}
    assert rows["collections"].error == "the store has not granted read_products"
    assert rows["collections"].due_at > clock.now()
    lines = list(cli_reconcile.repair_differences(the_shop(shop_id)))
    assert f"{'collections':20} not compared: {rows['collections'].error}" in lines

    with db.transaction() as session:
        get_shop(session, shop_id).scopes += ",read_products"
    store.grant([*store.granted, "read_products"])
    assert found(finish(shop_id))["collections", "missing"] == 1


def collection(shop_id: int, collection_id: int) -> tuple[str, str, bool]:
    with db.reading() as session:
        kept = collections.collections_by_id(session, shop_id, [collection_id])[collection_id]
    return kept.title, kept.handle, kept.deleted
