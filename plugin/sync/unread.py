"""Unread nodes: what Shopify's API tells and we cannot parse or record.

They are kept as failed webhooks are, and tried again in the same way; the rest goes on without.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import Facts
from plugin.ingest.storable import require_storable
from plugin.manifest import load_manifest
from plugin.shopify.api import nodes
from storage import failed_webhooks
from storage.arrivals import NewDelivery
from storage.backfills import StoreNoun
from storage.engine import db
from storage.engine.types import JsonObject
from storage.shops import Shop

MAX_KEPT = 100  # of a noun; a reading of which nothing can be parsed must not fill the inbox
MAX_BODY_BYTES = 1024 * 1024
NO_NODE = "the record is not there, or is no JSON"
GID = "gid://shopify/"

# without its parent, if that line never came or makes no sense
NodeWithChildren = tuple[JsonObject | None, list[JsonObject]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UnreadNode:
    """A node with its children, and why it could not be read."""

    node: JsonObject | None
    children: list[JsonObject]
    error: str


def parse_node(
    shop: Shop, noun: StoreNoun, family: NodeWithChildren, reported_at: datetime | None = None
) -> Facts | UnreadNode:
    """What a node says, or why it says nothing."""
    node, children = family
    if node is None:
        return UnreadNode(None, children, NO_NODE)
    try:
        facts = nodes.facts_of(
            shop.id, noun, node, children, currency=shop.currency, reported_at=reported_at
        )
        require_storable(facts)
        return facts
    except Exception as error:  # any error: it must not fail the other nodes
        log.warning("sync.unread", shop=shop.id, noun=noun, error=type(error).__name__)
        return UnreadNode(node, children, explain(error))


def nonsense(line: bytes) -> UnreadNode:
    """A line of a reading that is no node."""
    text = line[:MAX_BODY_BYTES].decode("utf-8", "replace")
    return UnreadNode(None, [{"line": text}], NO_NODE)


def explain(error: Exception) -> str:
    """Say in words why a node could not be read; the words of others may hold personal data."""
    if isinstance(error, RegularsError):
        return error.message
    return f"the record is not as promised: {type(error).__name__}"


def keep_unread(
    shop: Shop, noun: StoreNoun, unread: Sequence[UnreadNode], reported_at: datetime | None = None
) -> None:
    """Put nodes into quarantine. One that lies there already takes the newer one's place."""
    if not unread:
        return
    version, now = load_manifest()["api_version"], clock.now()
    told = reported_at.isoformat() if reported_at else ""
    topic = f"{nodes.TOPIC}{noun}"
    with db.inbox_transaction() as session:
        room = MAX_KEPT - failed_webhooks.count_quarantined(session, shop.id, topic)
        for each in unread:
            content = {"node": each.node, "children": each.children}
            body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
            key = unread_id(noun, each.node) or f"{noun}-{hashlib.sha256(body).hexdigest()[:16]}"
            row = NewDelivery(shop.id, key, topic, version, told, now, body[:MAX_BODY_BYTES])
            room -= failed_webhooks.quarantine_node(session, row, each.error, has_room=room > 0)


def drop_read(shop: Shop, noun: StoreNoun, read: Sequence[JsonObject]) -> None:
    """Take nodes out of quarantine that can be read by now."""
    topic = f"{nodes.TOPIC}{noun}"
    with db.inbox_reading() as session:
        if not failed_webhooks.count_quarantined(session, shop.id, topic):
            return
    with db.inbox_transaction() as session:
        keys = [key for node in read if (key := unread_id(noun, node))]
        failed_webhooks.release_nodes(session, shop.id, topic, keys)


def unread_id(noun: StoreNoun, node: JsonObject | None) -> str:
    """The key of a node in the inbox; empty when it has no id."""
    told = node.get("id") if isinstance(node, dict) else None
    if not isinstance(told, str):
        return ""
    return f"{noun}-{re.sub(r'[^A-Za-z0-9]+', '-', told.removeprefix(GID))[:100]}"
