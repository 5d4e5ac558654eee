"""The goods: collections that are put up, changed and taken down."""

from devstore.admin.api import answer

CHANGED = """query ($search: String) { collections(first: 5, query: $search, sortKey: UPDATED_AT) {
  nodes { id title handle updatedAt } } }"""
GONE = """query ($search: String) { events(first: 5, query: $search) {
  nodes { ... on BasicEvent { subjectId subjectType } } } }"""


def test_a_collection_is_told_when_it_changes_and_read_as_it_stands(store):
    made = store.create_collection("new-year", "New Year")
    store.update_collection("new-year", title="Winter")

    told = [each.payload for each in store.deliveries() if each.topic.startswith("collections/")]
    assert [(each["id"], each["title"]) for each in told] == [
        (made["id"], "New Year"),
        (made["id"], "Winter"),
    ]
    found = answer(store, CHANGED, {"search": f"id:{made['id']}"})["data"]["collections"]["nodes"]
    assert [(each["title"], each["handle"]) for each in found] == [("Winter", "new-year")]


def test_a_collection_that_is_taken_down_leaves_an_event(store):
    made = store.create_collection("new-year", "New Year")
    store.delete_collection(made["id"])

    assert store.deliveries("collections/delete")[-1].payload["id"] == made["id"]
    asked = {"search": "subject_type:COLLECTION AND action:destroy"}
    (gone,) = answer(store, GONE, asked)["data"]["events"]["nodes"]
    assert gone["subjectId"] == f"gid://shopify/Collection/{made['id']}"


def test_opening_day_puts_up_the_collections_of_the_catalogue(store):
    assert [each["handle"] for each in store.collections()][:2] == ["hydration", "blemishes"]
    assert {each["product_type"] for each in store.products_in("serums")} == {"Serum"}
