"""Our GraphQL documents, against what the dev store speaks: a part of Shopify's own schema."""

from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, get_named_type, parse, print_ast, validate

from devstore.admin import costs
from devstore.admin.api import SCHEMA
from plugin.shopify.api.graphql import DOCUMENTS

FILES = sorted(DOCUMENTS.glob("*.graphql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_document_is_one_valid_operation_that_one_query_may_cost(file: Path) -> None:
    document = parse(file.read_text())

    assert validate(SCHEMA, document) == []
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert costs.requested(SCHEMA, document, None, {}) <= costs.MOST
    if operation.operation.value == "mutation":
        (field,) = operation.selection_set.selections
        told = SCHEMA.mutation_type.fields[field.name.value].type.fields["userErrors"]
        code = "      code\n" if "code" in get_named_type(told.type).fields else ""
        assert f"userErrors {{\n      field\n{code}      message" in print_ast(document)


def test_no_document_is_forgotten() -> None:
    code = "".join(
        file.read_text()
        for folder in ("shopify", "sync", "offers")
        for file in (DOCUMENTS.parents[1] / folder).rglob("*.py")
    )

    assert [file.stem for file in FILES if f'"{file.stem}"' not in code] == []
