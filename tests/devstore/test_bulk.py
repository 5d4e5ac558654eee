"""The read side of the Admin API: pages with filters, and bulk operations with their files."""

import json
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from devstore.admin import bulk
from devstore.admin.api import answer
from devstore.people import seed
from devstore.shop.store import Store
from tests.sizes import PATIENCE

RUN = """mutation ($query: String!) { bulkOperationRunQuery(query: $query) {
  bulkOperation { id status } userErrors { code message } } }"""
ONE = """query ($id: ID!) { bulkOperation(id: $id) { status errorCode objectCount rootObjectCount
  fileSize url partialDataUrl completedAt } }"""
ORDERS = """{ orders { edges { node { id name customer { id }
  lineItems { edges { node { id quantity } } } } } } }"""


def data(store, text, **values):
    said = answer(store, text, values)
    assert "errors" not in said, said
    return said["data"]


def run(store, query):
    """Run a query in bulk and wait for its end."""
    said = data(store, RUN, query=query)["bulkOperationRunQuery"]
    assert said["userErrors"] == []
    deadline = time.monotonic() + 10 * PATIENCE
    while time.monotonic() < deadline:
        found = data(store, ONE, id=said["bulkOperation"]["id"])["bulkOperation"]
        if found["status"] not in bulk.RUNNING:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def lines(shop, url):
    answer = shop.get(url)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def seeded(store: Store) -> Store:
    store.app = replace(store.app, scopes=(*store.app.scopes, "read_all_orders"))
    seed.Seed(store).fill(30, 90, 5)
    return store


def test_pages_follow_the_filter_and_the_order(seeded):
    query = """query ($after: String) { customers(first: 7, after: $after, sortKey: UPDATED_AT,
      query: "updated_at:>='2026-03-01T00:00:00Z'") {
      nodes { id updatedAt numberOfOrders amountSpent { amount }
        defaultEmailAddress { emailAddress marketingState marketingUpdatedAt } }
      pageInfo { hasNextPage endCursor } } }"""
    found, after = [], None
    while True:
        page = data(seeded, query, after=after)["customers"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    moments = [each["updatedAt"] for each in found]
    assert moments == sorted(moments)
    assert min(moments) >= "2026-03-01"
    assert 7 < len(found) < 30
    assert {type(each["numberOfOrders"]) for each in found} == {str}


def test_an_invalid_search_is_an_error(store):
    said = answer(store, '{ orders(first: 1, query: "wishes:>3") { nodes { id } } }')

    assert "not understood" in said["errors"][0]["message"]


def test_orders_older_than_sixty_days_need_a_scope_of_their_own(seeded):
    count = len(data(seeded, "{ orders(first: 250) { nodes { id } } }")["orders"]["nodes"])
    seeded.app = replace(
        seeded.app, scopes=tuple(s for s in seeded.app.scopes if s != "read_all_orders")
    )
    fewer = len(data(seeded, "{ orders(first: 250) { nodes { id } } }")["orders"]["nodes"])

    assert count == 90
    assert 0 < fewer < 30


def test_a_bulk_operation_writes_parents_and_children_apart(shop, seeded):
    done = run(seeded, ORDERS)

    found = lines(shop, done["url"])
    roots = [each["id"] for each in found if "__parentId" not in each]
    children = [each for each in found if "__parentId" in each]
    assert done["status"] == "COMPLETED"
    assert int(done["rootObjectCount"]) == len(roots) == len(set(roots)) == 90
    assert int(done["objectCount"]) == len(found)
    assert {each["__parentId"] for each in children} == set(roots)
    beside = [a.get("id") == b.get("__parentId") for a, b in pairwise(found)]
    assert not any(beside)
    assert int(done["fileSize"]) == len(shop.get(done["url"]).content)
    (told,) = [each.payload for each in seeded.outbox("bulk_operations/finish")] or [{}]
    assert told["status"] == "completed"


def test_a_part_of_a_file_can_be_asked_for(shop, seeded):
    url = run(seeded, ORDERS)["url"]
    whole = shop.get(url).content

    part = shop.get(url, headers={"Range": "bytes=100-"})
    assert part.status_code == 206
    assert part.content == whole[100:]


def test_one_that_breaks_half_way_leaves_a_part_and_one_may_be_called_off(shop, seeded):
    seeded.set("bulk trouble", "FAILED")
    done = run(seeded, ORDERS)
    assert (done["status"], done["errorCode"]) == ("FAILED", "INTERNAL_SERVER_ERROR")
    assert done["url"] is None
    assert len(lines(shop, done["partialDataUrl"])) == int(done["objectCount"]) > 0

    seeded.set("bulk trouble", "STUCK")
    said = data(seeded, RUN, query=ORDERS)["bulkOperationRunQuery"]["bulkOperation"]
    cancel = "mutation ($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } } }"
    off = data(seeded, cancel, id=said["id"])["bulkOperationCancel"]
    assert off["bulkOperation"]["status"] == "CANCELED"


def test_no_more_than_five_run_at_once(seeded):
    codes = []
    for _ in range(6):
        seeded.set("bulk trouble", "STUCK")
        said = data(seeded, RUN, query=ORDERS)["bulkOperationRunQuery"]
        codes += [each["code"] for each in said["userErrors"]]
        deadline = time.monotonic() + 5 * PATIENCE
        while seeded.setting("bulk trouble") and not codes and time.monotonic() < deadline:
            time.sleep(0.005)

    assert codes == ["LIMIT_REACHED"]


def test_a_file_is_gone_after_seven_days(shop, seeded, clock):
    url = run(seeded, ORDERS)["url"]
    clock.skip(days=8)

    assert shop.get(url).status_code == 400
    newest = data(seeded, "{ bulkOperations(first: 1) { nodes { status url } } }")
    assert newest["bulkOperations"]["nodes"] == [{"status": "EXPIRED", "url": None}]


@pytest.mark.parametrize(
    "query",
    ["{ shop { name } }", "{ orders { edges { node { wishes } } } }", "{ orders {", "{ a: b }"],
)
def test_what_is_no_connection_is_refused(store, query):
    said = data(store, RUN, query=query)["bulkOperationRunQuery"]

    assert said["userErrors"][0]["code"] == "INVALID"
