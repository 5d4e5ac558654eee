"""Our GraphQL documents, against what the dev store speaks: a part of Shopify's own schema."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
    print_ast,
    validate,
)

from devstore.admin import costs
from devstore.admin.api import SCHEMA
from plugin.shopify.api import bulk, pages
from plugin.shopify.api.graphql import DOCUMENTS, FIELDS, text_of
from storage.backfills import StoreNoun

FILES = sorted(DOCUMENTS.glob("*.graphql"))
# Frames of a connection, which a bulk operation writes in another way.
FRAMES = ("edges", "node", "nodes")
# Stock is searched by place, and read as a whole by item.
UNDER = {"bulk_stock": "inventoryItems.", "stock_changed": "locations."}
# What reads the rest of a node's children, and the whole catalog.
FOLLOWING = {
    StoreNoun.PRODUCTS: {"variants": ("products.variants",), "products": ("products",)},
    StoreNoun.ORDERS: {"order_lines": ("orders.lineItems",)},
    StoreNoun.CHECKOUTS: {"abandoned_checkout_lines": ("abandonedCheckouts.lineItems",)},
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_document_is_one_valid_operation_that_one_query_may_cost(file: Path) -> None:
    document = parse(text_of(file.stem))

    assert validate(SCHEMA, document) == []
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert costs.requested(SCHEMA, document, None, {}) <= costs.MOST
    if operation.operation.value == "mutation":
        (field,) = operation.selection_set.selections
        told = SCHEMA.mutation_type.fields[field.name.value].type.fields["userErrors"]
        code = "      code\n" if "code" in get_named_type(told.type).fields else ""
        assert f"userErrors {{\n      field\n{code}      message" in print_ast(document)


@pytest.mark.parametrize("noun", sorted(bulk.QUERIES.keys() & pages.DOCUMENTS.keys()))
def test_the_past_and_the_comparison_ask_for_the_same_fields(noun: StoreNoun) -> None:
    past, now = (
        {path.removeprefix(UNDER.get(name, "")) for path in _fields(text_of(name))}
        for name in (bulk.QUERIES[noun], pages.DOCUMENTS[noun])
    )

    assert past == now
    assert len(past) >= 4


@pytest.mark.parametrize("noun", FOLLOWING)
def test_the_rest_of_a_nodes_children_is_asked_for_as_its_first(noun: StoreNoun) -> None:
    first = set(_fields(text_of(pages.DOCUMENTS[noun])))
    for document, parts in FOLLOWING[noun].items():
        (part,) = parts
        held = part.rpartition(".")[2]
        asked = {path.partition(f"{held}.")[2] for path in _fields(text_of(document))}
        assert asked == {
            path.removeprefix(f"{part}.") for path in first if path.startswith(f"{part}.")
        }


def test_no_document_is_forgotten() -> None:
    code = "".join(
        file.read_text()
        for folder in ("shopify", "sync", "offers")
        for file in (DOCUMENTS.parents[1] / folder).rglob("*.py")
    )
    texts = "".join(file.read_text() for file in DOCUMENTS.rglob("*.graphql"))

    assert [file.stem for file in FILES if f'"{file.stem}"' not in code] == []
    assert [file.stem for file in FIELDS.iterdir() if texts.count(f"...{file.stem}\n") < 2] == []


def _fields(text: str) -> Iterator[str]:
    """The path of each field that a query asks for, without the frames of connections."""
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return _paths(operation.selection_set, "")


def _paths(selected: SelectionSetNode, under: str) -> Iterator[str]:
    for field in selected.selections:
        if isinstance(field, InlineFragmentNode):
            yield from _paths(field.selection_set, under)
            continue
        assert isinstance(field, FieldNode)
        name = field.name.value
        if name == "pageInfo":
            continue
        path = under if name in FRAMES else f"{under}.{name}".removeprefix(".")
        if field.selection_set is None:
            yield path
        else:
            yield from _paths(field.selection_set, path)
