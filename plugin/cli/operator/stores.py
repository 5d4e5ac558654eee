"""What an operator sees of the stores: a line each, and their failed webhooks."""

from collections.abc import Iterator, Sequence

from plugin import jobs
from storage import consent, failed_webhooks, profiles, shops
from storage.counts import Count
from storage.engine import db
from storage.shops import Shop

HEAD = ("store", "state", "since", "profiles", "subscribers", "failed webhooks")


def list_stores() -> Iterator[str]:
    """A line for each store, under a head."""
    with db.reading() as session:
        found = list(shops.all_shops(session))
    if not found:
        return iter(["No store installed yet."])
    return _table([HEAD, *map(_row, found)])


def _row(shop: Shop) -> Sequence[str]:
    with db.reading() as session, db.inbox_reading() as inbox:
        return (
            shop.domain,
            *_state(shop),
            _number(profiles.count_profiles(session, shop.id)),
            _number(consent.count_subscribers(session, shop.id)),
            f"{failed_webhooks.count_quarantined(inbox, shop.id):,}",
        )


def list_failed(shop: Shop) -> Iterator[str]:
    """A line for each topic and reason of a store's failed webhooks, under a head."""
    with db.inbox_reading() as session:
        found = failed_webhooks.quarantined_by_reason(session, shop.id)
    if not found:
        return iter(["No failed webhooks."])
    rows = [(f"{count:,}", topic, reason) for topic, reason, count in found]
    return _table([("webhooks", "topic", "reason"), *rows])


def retry_failed(shop: Shop, topic: str, reason: str) -> Iterator[str]:
    """Have a store's failed webhooks read once more; say how many."""
    with db.inbox_transaction() as session:
        count = failed_webhooks.offer_all_again(session, shop.id, topic, reason)
    if count:
        jobs.enqueue("digest")
        yield f"{count:,} of {shop.domain} will be read again."
    else:
        yield f"{shop.domain} has no such failed webhooks. `regulars retry --list` lists them."


def _state(shop: Shop) -> tuple[str, str]:
    if shop.uninstalled_at is not None:
        return "uninstalled", f"{shop.uninstalled_at:%Y-%m-%d}"
    state = "installed" if shop.catalog_synced_at else "catalog not read"
    return state, f"{shop.installed_at:%Y-%m-%d}"


def _number(count: Count) -> str:
    return f"{count:,}{'+' if count.at_least else ''}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()
