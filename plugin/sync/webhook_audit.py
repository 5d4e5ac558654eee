"""Find the topics that deliver nothing, from what a reconciliation found.

Our topics stand in shopify.app.toml, and no query tells whether Shopify still sends them:
`webhookSubscriptions` "returns only shop-scoped subscriptions, not app-scoped subscriptions
configured in TOML files" (Admin API 2026-10, the schema's own words). What can be known is their
silence: records changed, and no delivery came. Retries do not end such a subscription (shopify.dev,
changelog 2024-09-10), so what ends it is a configuration that was not deployed, a wrong URL, or
protected customer data that Shopify has not approved.
"""

from collections.abc import Mapping
from datetime import datetime

from plugin.manifest import topic_handlers
from storage import inbox
from storage.backfills import StoreNoun
from storage.engine import db
from storage.reconciliations import DifferenceKind, Reconciliation

MIN_RECORDS = 3  # missed deliveries of a kind; one or two are lost on the best of connections
# Which topic would have reported a record of each kind.
TOPICS_OF_NOUN = {
    StoreNoun.CUSTOMERS: {
        DifferenceKind.MISSING: "customers/create",
        DifferenceKind.STALE: "customers/update",
    },
    StoreNoun.PRODUCTS: {
        DifferenceKind.MISSING: "products/create",
        DifferenceKind.STALE: "products/update",
    },
    StoreNoun.ORDERS: {
        DifferenceKind.MISSING: "orders/create",
        DifferenceKind.STALE: "orders/updated",
    },
    StoreNoun.CHECKOUTS: {
        DifferenceKind.MISSING: "checkouts/create",
        DifferenceKind.STALE: "checkouts/update",
    },
    StoreNoun.STOCK: {
        DifferenceKind.MISSING: "inventory_levels/connect",
        DifferenceKind.STALE: "inventory_levels/update",
    },
    StoreNoun.SUBSCRIPTIONS: {DifferenceKind.MISSING: "subscription_contracts/create"},
    StoreNoun.REFUNDS: {DifferenceKind.MISSING: "refunds/create"},
    StoreNoun.RETURNS: {},  # of six topics it cannot be known which was lost
    StoreNoun.FULFILMENTS: {
        DifferenceKind.MISSING: "fulfillments/create",
        DifferenceKind.STALE: "fulfillments/update",
    },
    StoreNoun.COLLECTIONS: {
        DifferenceKind.MISSING: "collections/create",
        DifferenceKind.STALE: "collections/update",
    },
    StoreNoun.COLLECTION_DELETIONS: {DifferenceKind.STALE: "collections/delete"},
    StoreNoun.DELETIONS: {DifferenceKind.STALE: "products/delete"},
}


def inactive_topics(held: Reconciliation, since: datetime) -> list[str]:
    """Return the topics without a delivery since a moment, though an open window, or the one before
    it, found what they should have reported.
    """
    lost: Mapping[DifferenceKind, str] = TOPICS_OF_NOUN[held.noun]
    doubted = {topic for kind, topic in lost.items() if getattr(held, kind) >= MIN_RECORDS}
    doubted = (doubted | set(held.inactive_topics)) & set(topic_handlers())
    if not doubted:
        return []
    with db.inbox_reading() as session:
        return sorted(doubted - inbox.active_topics(session, held.shop_id, doubted, since))
