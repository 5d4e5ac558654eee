"""Shopify sync: when a shop was last compared with Shopify, and what was repaired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import clock
from plugin.shopify.api import pages
from plugin.shopify.install.scopes import is_allowed
from plugin.sync.markets import COUNTRIES_SCOPES, LOCALES_SCOPES
from plugin.texts import N_
from storage import markets, reconciliations
from storage.backfills import StoreNoun
from storage.engine import db
from storage.markets import MarketReading
from storage.reconciliations import Reconciliation

DAYS = 30
NOUNS = {
    StoreNoun.CUSTOMERS: N_("Customers"),
    StoreNoun.PRODUCTS: N_("Products"),
    StoreNoun.ORDERS: N_("Orders"),
    StoreNoun.CHECKOUTS: N_("Abandoned checkouts"),
    StoreNoun.REFUNDS: N_("Refunds"),
    StoreNoun.RETURNS: N_("Returns"),
    StoreNoun.FULFILMENTS: N_("Shipments"),
    StoreNoun.COLLECTIONS: N_("Collections"),
    StoreNoun.STOCK: N_("Stock"),
    StoreNoun.SUBSCRIPTIONS: N_("Subscriptions"),
    StoreNoun.DELETIONS: N_("Deleted products"),
    StoreNoun.COLLECTION_DELETIONS: N_("Deleted collections"),
}
TOPICS = {
    "customers/create": N_("new customers"),
    "customers/update": N_("customer updates"),
    "products/create": N_("new products"),
    "products/update": N_("product updates"),
    "products/delete": N_("product deletions"),
    "collections/create": N_("new collections"),
    "collections/update": N_("collection updates"),
    "collections/delete": N_("collection deletions"),
    "inventory_levels/connect": N_("stock at new locations"),
    "inventory_levels/update": N_("stock updates"),
    "subscription_contracts/create": N_("new subscriptions"),
    "orders/create": N_("new orders"),
    "orders/updated": N_("order updates"),
    "refunds/create": N_("refunds"),
    "fulfillments/create": N_("new shipments"),
    "fulfillments/update": N_("shipment updates"),
    "checkouts/create": N_("new checkouts"),
    "checkouts/update": N_("checkout updates"),
}


@dataclass(frozen=True)
class Line:
    """One noun, in words."""

    name: str
    at: datetime | None
    looked: int
    repaired: int
    unresolved: int
    lately: int
    waits: bool
    left_out: bool


@page("/settings/reconciliation", title=N_("Shopify sync"))
def show(visit: AdminRequest) -> Response:
    """Show when each kind was last compared, and what was missing."""
    since = clock.now() - timedelta(days=DAYS)
    with db.reading() as session:
        rows = reconciliations.of_shop(session, visit.shop.id)
        mended = reconciliations.repairs(session, visit.shop.id, since)
        reading = markets.reading_of(session, visit.shop.id)
    lately: dict[str, int] = {}
    for (noun, _kind), count in mended.items():
        lately[noun] = lately.get(noun, 0) + count
    held = {row.noun: row for row in rows}
    left_out = {noun for noun in NOUNS if not is_allowed(visit.shop, *pages.SCOPES[noun])}
    lines = [
        _line(visit.say.text(name), held.get(noun), lately.get(noun, 0), left_out=noun in left_out)
        for noun, name in NOUNS.items()
        if noun in held or (held and noun in left_out)
    ]
    silent = silence(rows, visit.say)
    return visit.page(
        "settings/reconciliation.html",
        lines=lines,
        silent=silent,
        days=DAYS,
        reading=reading,
        countries=_countries(reading, visit.say),
        locales=reading.locales[1:] if reading else [],
        may_price=is_allowed(visit.shop, *COUNTRIES_SCOPES),
        may_name=is_allowed(visit.shop, *LOCALES_SCOPES),
    )


def _countries(reading: MarketReading | None, say: Language) -> str:
    """Return the countries with prices of their own, by name."""
    codes = reading.countries if reading else []
    return say.listing(sorted(say.locale.territories.get(code, code) for code in codes))


def silence(rows: Sequence[Reconciliation], say: Language) -> str:
    """Return a sentence on the topics without deliveries; empty when there are none."""
    return say.listing(
        [say.text(TOPICS.get(each, each)) for row in rows for each in row.inactive_topics]
    )


def _line(name: str, row: Reconciliation | None, lately: int, *, left_out: bool) -> Line:
    if row is None:
        return Line(name, None, 0, 0, 0, lately, waits=False, left_out=left_out)
    # While a window is open, its figures are still growing.
    counts = (row.compared, row.repaired, row.unresolved)
    waits = bool(row.error) and not left_out
    return Line(name, row.finished_at, *counts, lately, waits=waits, left_out=left_out)
