"""Run bulk operations of a backfill's stage, and read their lines of JSON from any byte on.

Shopify runs an operation in the background and keeps its result at a URL for seven days.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from plugin.settings import get_settings
from plugin.shopify.api import graphql
from plugin.shopify.api.client import ShopifyError, query
from storage.backfills import StoreNoun

QUERIES = {  # the other nouns are paged: plugin/shopify/api/pages.py
    StoreNoun.CUSTOMERS: "bulk_customers",
    StoreNoun.PRODUCTS: "bulk_products",
    StoreNoun.ORDERS: "bulk_orders",
    StoreNoun.COLLECTIONS: "bulk_collections",
    StoreNoun.STOCK: "bulk_stock",
    StoreNoun.SUBSCRIPTIONS: "bulk_subscriptions",
}
MAX_LINE_BYTES = 16 * 1024 * 1024  # bytes: an order with all our fields stays far below
CHUNK_BYTES = 64 * 1024  # bytes read at a time
TIMEOUT = httpx2.Timeout(30, connect=5)
EXPIRED_STATUSES = (400, 403, 404, 410)  # what storage says of an address that is too old


class ResultExpiredError(ShopifyError):
    """The result is no longer at its address."""


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation stands. `objects` are lines, `roots` those of them that have no parent."""

    status: str
    error: str
    objects: int
    roots: int
    size: int | None
    url: str | None
    partial_url: str | None


def start_operation(shop_id: int, stage: StoreNoun) -> str:
    """Let Shopify begin; the operation's id.

    Raises:
        ShopifyError: it refused; `LIMIT_REACHED` when five are under way.
    """
    answer = query(shop_id, "bulk_run", {"query": graphql.text_of(QUERIES[stage])})
    return str(answer["bulkOperationRunQuery"]["bulkOperation"]["id"])


def cancel_operation(shop_id: int, operation_id: str) -> None:
    """Call an operation off."""
    query(shop_id, "bulk_cancel", {"id": operation_id})


def get_operation(shop_id: int, operation_id: str) -> Operation | None:
    """How an operation stands; None when Shopify knows none such."""
    answer = query(shop_id, "bulk_operation", {"id": operation_id})["bulkOperation"]
    if answer is None:
        return None
    return Operation(
        answer["status"],
        answer["errorCode"] or "",
        int(answer["objectCount"]),
        int(answer["rootObjectCount"]),
        None if answer["fileSize"] is None else int(answer["fileSize"]),
        answer["url"],
        answer["partialDataUrl"],
    )


def read_lines(url: str, offset: int) -> Generator[tuple[bytes, int]]:
    """Each line from a byte on, with the offset behind it.

    Raises:
        GoneError: the result is not there any more.
        ShopifyError: the line broke, or what came is not what was asked for.
    """
    try:
        with _client().stream("GET", _checked(url), headers=_asking(offset)) as response:
            if response.status_code == 416:  # nothing is left
                return
            skip = _skipped(response, offset)
            yield from _split(response, offset, skip)
    except httpx2.HTTPError as error:
        raise ShopifyError(f"The result broke off ({type(error).__name__}).", 503) from None


def _checked(url: str) -> str:
    """Shopify's own storage is on the open net; a store in a box is not."""
    if not url.startswith("https://") and not get_settings().shopify_origin:
        raise ShopifyError("Shopify's result has no safe address.")
    return url


def _asking(offset: int) -> dict[str, str]:
    # A compressed body has other offsets.
    asked = {"Accept-Encoding": "identity", "User-Agent": "Regulars"}
    return asked | {"Range": f"bytes={offset}-"} if offset else asked


def _skipped(response: httpx2.Response, offset: int) -> int:
    """How many bytes of the answer we have already."""
    if response.status_code in EXPIRED_STATUSES:
        raise ResultExpiredError("Shopify's result is no longer there.")
    if response.status_code == 206:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            raise ShopifyError("Shopify's storage gave another part than we asked for.", 503)
        return 0
    if response.status_code != 200:
        raise ShopifyError(f"Shopify's storage is in trouble ({response.status_code}).", 503)
    return offset


def _split(response: httpx2.Response, at: int, skip: int) -> Generator[tuple[bytes, int]]:
    rest = b""
    for chunk in response.iter_raw(CHUNK_BYTES):
        fresh, skip = chunk[skip:], max(0, skip - len(chunk))
        *whole, rest = (rest + fresh).split(b"\n")
        for line in whole:
            at += len(line) + 1
            yield line, at
        if len(rest) > MAX_LINE_BYTES:
            raise ShopifyError("A line of Shopify's result is too long.")
    if rest:
        yield rest, at + len(rest)


@lru_cache
def _client() -> httpx2.Client:
    return httpx2.Client(
        timeout=TIMEOUT, follow_redirects=True, trust_env=not get_settings().shopify_origin
    )
