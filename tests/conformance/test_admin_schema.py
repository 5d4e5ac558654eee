"""Our documents, our scopes and the dev store's schema, against Shopify's own Admin API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    validate,
    visit,
)
from graphql.validation import NoDeprecatedCustomRule

from devstore.admin.api import SCHEMA
from plugin.manifest import load_manifest, topic_handlers
from plugin.shopify.api import client, pages
from plugin.shopify.api.graphql import DOCUMENTS, text_of
from plugin.shopify.install.app_config import COMPLIANCE

FILES = sorted(DOCUMENTS.glob("*.graphql"))
# Scopes that neither the schema nor a topic requires, and why we ask for them.
BEYOND_THE_TABLES = {
    "read_customer_events": "webPixelCreate wants it; the table has it in words only",
    "read_all_orders": "orders of more than 60 days ago",
}
Needs = set[frozenset[str]]  # of each, one is enough


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_document_fits_shopifys_schema_without_deprecated_fields(admin_schema, file):
    document = parse(text_of(file.stem))

    assert validate(admin_schema, document) == []
    assert validate(admin_schema, document, [NoDeprecatedCustomRule]) == []


def test_what_the_dev_store_speaks_is_a_part_of_shopifys(admin_schema):
    assert [fault for name in SCHEMA.type_map for fault in _strange(name, admin_schema)] == []


def test_every_topic_is_one_of_shopifys(introspection):
    known = _topics_of(introspection)

    assert [
        topic for topic in topic_handlers() if topic not in COMPLIANCE and _enum(topic) not in known
    ] == []


def test_the_manifest_asks_for_each_scope_that_is_needed(introspection, admin_schema):
    needs = _needs(introspection, admin_schema)
    asked = load_manifest()["scopes"]

    assert [
        set(need) for need in needs if not any(client.covers_scopes(asked, [s]) for s in need)
    ] == []


def test_the_manifest_asks_for_no_scope_that_nothing_needs(introspection, admin_schema):
    """Writing includes reading, so that a read scope beside its write scope is one too many."""
    needs = _needs(introspection, admin_schema)
    asked = [scope for scope in load_manifest()["scopes"] if scope not in BEYOND_THE_TABLES]

    def enough(scopes: list[str]) -> bool:
        return all(any(client.covers_scopes(scopes, [scope]) for scope in need) for need in needs)

    assert [scope for scope in asked if enough([each for each in asked if each != scope])] == []


@pytest.mark.parametrize("noun", sorted(pages.DOCUMENTS))
def test_a_noun_is_compared_only_where_a_store_grants_all_that_its_fields_need(
    introspection, admin_schema, noun
):
    needs = _needs_of(parse(text_of(pages.DOCUMENTS[noun])), admin_schema, introspection)
    granted = pages.SCOPES[noun]

    assert [
        set(need) for need in needs if not any(client.covers_scopes(granted, [s]) for s in need)
    ] == []


def _needs(introspection: dict[str, Any], schema: GraphQLSchema) -> Needs:
    """What our documents and our topics need."""
    needs: Needs = set()
    for file in FILES:
        needs |= _needs_of(parse(text_of(file.stem)), schema, introspection)
    told = _topics_of(introspection)
    for topic in topic_handlers():
        needs |= _needs_in(told.get(_enum(topic), ""))
    return needs


def _needs_of(
    document: DocumentNode, schema: GraphQLSchema, introspection: dict[str, Any]
) -> Needs:
    """What every field and every type that a document touches needs."""
    table = {
        (item["typeName"], item.get("fieldName", "")): _needs_by(item)
        for item in introspection["offline_scopes"]["items"]
    }
    info, found = TypeInfo(schema), set[frozenset[str]]()

    class Look(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            parent, field = info.get_parent_type(), info.get_field_def()
            assert parent
            assert field
            found.update(table.get((parent.name, node.name.value), ()))
            found.update(table.get((get_named_type(field.type).name, ""), ()))

    visit(document, TypeInfoVisitor(info, Look()))
    return found


def _needs_by(item: dict[str, Any]) -> Needs:
    """Return an entry of Shopify's table, which tells `or` from `and` in its text alone."""
    words, scopes = item["requiredAccess"].partition("Also:")[0], item["offlineScopes"]
    if " for queries and " in words:  # we change no market
        words = words.partition(" for queries and ")[0]
        scopes = [scope for scope in scopes if f"`{scope}`" in words]
    if scopes and (" or " in words or words.startswith("Any of")):
        return {frozenset(scopes)}
    return {frozenset((scope,)) for scope in scopes}


def _topics_of(introspection: dict[str, Any]) -> dict[str, str]:
    """Shopify's topics with their descriptions."""
    (topic,) = (
        each
        for each in introspection["data"]["__schema"]["types"]
        if each["name"] == "WebhookSubscriptionTopic"
    )
    return {value["name"]: value["description"] or "" for value in topic["enumValues"]}


def _enum(topic: str) -> str:
    return re.sub(r"[/.]", "_", topic).upper()


def _needs_in(description: str) -> Needs:
    """`Requires the x scope.` or `Requires at least one of the following scopes: x, y.`"""
    words = " ".join(description.split())
    _, _, after = words.partition("Requires ")
    scopes = re.findall(r"\b(?:read|write)_\w+", after)
    if after.startswith("at least one"):
        return {frozenset(scopes)}
    return {frozenset((scope,)) for scope in scopes}


def _strange(name: str, real: GraphQLSchema) -> Iterator[str]:
    """What a type of the dev store's has that Shopify's has not."""
    ours: Any = SCHEMA.type_map[name]
    theirs: Any = real.type_map.get(name)
    if name.startswith("__"):
        return
    if type(ours) is not type(theirs):
        yield name
        return
    for key, field in getattr(ours, "fields", {}).items():
        other = theirs.fields.get(key)
        if other is None or str(other.type) != str(field.type):
            yield f"{name}.{key}"
            continue
        for at, given in getattr(field, "args", {}).items():
            if at not in other.args or str(other.args[at].type) != str(given.type):
                yield f"{name}.{key}({at})"
    if isinstance(ours, GraphQLInputObjectType):
        needed = [k for k, v in theirs.fields.items() if str(v.type).endswith("!")]
        yield from [f"{name}.{key} is required" for key in needed if key not in ours.fields]
    for value in getattr(ours, "values", {}):
        if value not in theirs.values:
            yield f"{name}.{value}"
    known = {each.name for each in getattr(theirs, "types", ())}
    yield from [f"{name}|{each}" for each in getattr(ours, "types", ()) if each.name not in known]
