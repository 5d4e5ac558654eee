"""Comparing a shop with its store: what was delivered, a whole reconciliation, what it found."""

import json
from datetime import timedelta

from plugin import clock
from plugin.ingest.digest import digest_deliveries
from plugin.jobs import Progress, run_slice
from plugin.shopify.install.installation import install
from plugin.sync import backfill, reconcile
from storage import backfills, reconciliations
from storage.arrivals import NewDelivery, add_deliveries
from storage.backfills import BackfillState
from storage.engine import db
from storage.shops import get_shop
from tests.plugin.shopify.box import Shopify
from tests.plugin.sync.gaps import Market
from tests.state import state_of

DOMAIN = "dewpoint.myshopify.com"
real_now = clock.now


def installed(market: Market, shopify: Shopify) -> int:
    """Return a shop with a finished backfill of an empty history."""
    shop_id = install(DOMAIN, shopify.id_token())
    with db.transaction() as session:
        get_shop(session, shop_id).installed_at -= timedelta(
            hours=1
        )  # the store reports whole seconds
    past_is_read(shop_id)
    return shop_id


def past_is_read(shop_id: int) -> None:
    with db.transaction() as session:
        backfills.start_stages(session, get_shop(session, shop_id), backfill.STAGES, real_now())
        for stage in backfills.stages_of(session, shop_id):
            backfills.save_progress(
                session, stage, state=BackfillState.DONE, finished_at=clock.now()
            )


def twin(shopify: Shopify, shop_id: int) -> int:
    """Another shop at the same store."""
    domain = "twin.myshopify.com"
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        fields = shop.model_dump(exclude={"id", "domain"})
        session.add(type(shop)(id=shop.id + 1, domain=domain, **fields))
    shopify.app.state.stores[domain] = shopify.store
    past_is_read(shop_id + 1)
    return shop_id + 1


def deliver(shop_id: int, requests) -> None:
    keep(shop_id, requests, clock.now())
    digest_deliveries()


def keep(shop_id: int, requests, at) -> None:
    arrivals = [
        NewDelivery(
            shop_id,
            request.headers["X-Shopify-Webhook-Id"],
            request.topic,
            request.headers["X-Shopify-API-Version"],
            request.headers["X-Shopify-Triggered-At"],
            at,
            request.body,
        )
        for request in requests
    ]
    add_deliveries(arrivals)


def facts(shop_id: int) -> dict:
    """Return the state without report times, for a repair is reported later, and without what only
    a reading tells: whether a stock is counted, and of customers language and sums of nothing.
    """
    untold = {}
    for name, rows in state_of(shop_id).items():
        if name == "people":
            rows = {key: _told(row) for key, row in rows.items()}
        if isinstance(rows, list):
            rows = [
                {k: v for k, v in json.loads(row).items() if k not in ("reported_at", "tracked")}
                for row in rows
            ]
        untold[name] = rows
    return untold


def _told(person: dict) -> dict:
    held = person["properties"]
    nothing = {name for name in ("orders_count", "total_spent") if held.get(name) == 0}
    left_out = {"locale", *(f"properties.{name}" for name in nothing)}
    return person | {
        "locale": None,
        "properties": {k: v for k, v in held.items() if k not in nothing},
        **{
            about: {k: v for k, v in person[about].items() if k not in left_out}
            for about in ("field_times", "field_sources")
        },
    }


def retold(noun: str, shop_id: int, other_id: int) -> int:
    """Return how many rows have another report time than in the other shop."""
    one, other = (
        {row["id"]: row["reported_at"] for row in map(json.loads, state_of(each)[noun])}
        for each in (shop_id, other_id)
    )
    return sum(one[key] != at for key, at in other.items())


def finish(shop_id: int) -> dict[str, reconciliations.Reconciliation]:
    """One whole reconciliation, of all nouns."""
    rows = compare(shop_id)
    assert rows.keys() == set(reconcile.NOUNS)
    assert {(row.until, row.error) for row in rows.values()} == {(None, "")}
    return rows


def compare(shop_id: int) -> dict[str, reconciliations.Reconciliation]:
    """One reconciliation, of what can be compared."""
    reconcile.make_due_now(shop_id)
    while run_slice(reconcile.SLICE_JOB, shop_id) is Progress.MORE:
        pass
    with db.reading() as session:
        return {row.noun: row for row in reconciliations.of_shop(session, shop_id)}


def found(rows) -> dict[tuple[str, str], int]:
    return {
        (noun, kind): getattr(row, kind)
        for noun, row in rows.items()
        for kind in ("missing", "partial", "stale")
        if getattr(row, kind)
    }
