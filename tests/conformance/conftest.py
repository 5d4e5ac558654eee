"""Shopify's own tools and schema; where they cannot be had, the tests say so and are skipped."""

import gzip
import json
from typing import Any

import pytest
from graphql import GraphQLSchema, build_client_schema

from tests.conformance import tools as shopify_tools
from tests.conformance.tools import MissingError, Tools

NOT_CHECKED = "NOT CHECKED against Shopify's own tools: "


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Shopify's packages for Node."""
    try:
        return shopify_tools.fetch()
    except MissingError as error:
        pytest.skip(NOT_CHECKED + str(error))


@pytest.fixture(scope="session")
def introspection() -> dict[str, Any]:
    """Shopify's Admin API as it describes itself, with the scopes that its parts need."""
    try:
        path = shopify_tools.fetch_schema()
    except MissingError as error:
        pytest.skip(NOT_CHECKED + str(error))
    told: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return told


@pytest.fixture(scope="session")
def admin_schema(introspection: dict[str, Any]) -> GraphQLSchema:
    """Shopify's Admin schema. It has small faults of its own, hence not validated."""
    return build_client_schema(introspection["data"], assume_valid=True)
