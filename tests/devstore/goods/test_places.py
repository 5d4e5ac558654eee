"""The stock by place: what is told of it, and what is read of it."""

from devstore.admin.api import answer

LEVELS = """query ($search: String) { locations(first: 2) { nodes { id name
  inventoryLevels(first: 100, query: $search, includeInactive: true) { nodes {
    isActive updatedAt item { id } location { id }
    quantities(names: ["available"]) { name quantity } } } } } }"""


def size(store, handle="cloud-cream"):
    return store.product(handle)["variants"][0]


def read(store, variant) -> dict[str, tuple[bool, int]]:
    found = answer(store, LEVELS)["data"]["locations"]["nodes"]
    item = f"gid://shopify/InventoryItem/{variant['id'] + 11}"
    return {
        place["name"]: (level["isActive"], level["quantities"][0]["quantity"])
        for place in found
        for level in place["inventoryLevels"]["nodes"]
        if level["item"]["id"] == item
    }


def test_an_order_takes_from_the_warehouse_and_both_are_told(store, bought):
    before = size(store)["stock"]
    bought()

    (told,) = [each.payload for each in store.deliveries("inventory_levels/update")]
    assert (told["inventory_item_id"], told["available"]) == (size(store)["id"] + 11, before - 1)
    assert told["location_id"] == store.locations()[0]["id"]
    assert read(store, size(store)) == {"Warehouse": (True, before - 1)}


def test_what_is_counted_at_the_counter_is_a_part_of_the_stock(store):
    variant, before = size(store), size(store)["stock"]

    store.count_stock(variant["id"], 7)

    assert size(store)["stock"] == before + 7
    assert read(store, variant) == {"Warehouse": (True, before), "Counter": (True, 7)}
    assert store.deliveries("inventory_levels/connect")[-1].payload["available"] == 7

    store.leave_counter(variant["id"])

    assert size(store)["stock"] == before
    assert read(store, variant) == {"Warehouse": (True, before), "Counter": (False, 0)}
    (gone,) = [each.payload for each in store.deliveries("inventory_levels/disconnect")]
    assert gone["location_id"] == store.locations()[1]["id"]
