"""P05: what is sold, spent and earned equals a recount of the raw payloads, in any order of theirs.

Orders with edits, refunds, cancellations, deletions, test payments, tips, renewals, discount codes,
imports and three currencies: 10,000 on SQLite, fewer on PostgreSQL.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import func, select

from admin_ui.home import page as home
from plugin.facts import merge_facts
from plugin.ingest.digest import apply_facts, parse_delivery
from storage import orders, profiles
from storage.attributions import Attribution
from storage.coupons import CouponCode
from storage.engine import db
from storage.events import Event
from storage.inbox_claims import ClaimedDelivery
from storage.messages import MessageState, add_messages
from storage.profiles import IdentityKind
from storage.shops import Shop, add_shop
from tests.properties.books import START, Books, Recount, Total

EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
BATCH = 500
Said = tuple[str, str, bytes]


def opened(currency: str) -> Shop:
    """Return a shop of this currency, with nothing in it."""
    with db.transaction() as session:
        return add_shop(session, f"{currency.lower()}.myshopify.com", START, currency=currency)


def deliver(shop: Shop, said: Sequence[Said]) -> None:
    """Digest deliveries in batches, in this order."""
    for start in range(0, len(said), BATCH):
        claimed = (
            ClaimedDelivery(shop.id, f"{start}-{n}", topic, sent_at, 1, body)
            for n, (topic, sent_at, body) in enumerate(said[start : start + BATCH])
        )
        apply_facts(shop, merge_facts([parse_delivery(each, shop.currency) for each in claimed]))


def send_mails(shop: Shop, books: Books) -> None:
    """Let the buyers have what they clicked, and the codes that they were given."""
    keys = {customer: (IdentityKind.CUSTOMER, str(customer)) for customer in books.buyers}
    with db.transaction() as session:
        known = profiles.find_identities(session, shop.id, keys.values())
        someone = next(iter(known.values()))
        sent: list[tuple[int, int, datetime | None]] = [
            (number, known[keys[customer]], at) for number, customer, at in books.clicks
        ]
        sent += [(number, someone, None) for number in books.codes.values()]
        rows: list[Any] = [
            {
                "shop_id": shop.id, "id": number, "idempotency_key": f"mail:{number}",
                "channel": "email", "profile_id": profile, "address": "a@example.com", "flow_id": 1,
                "action_id": "1", "template_id": 1, "template_version": 1,
                "state": MessageState.ACCEPTED, "due_at": START,
                "created_at": START, "sent_at": START, "clicked_at": at,
            }
            for number, profile, at in sent
        ]  # fmt: skip
        for start in range(0, len(rows), BATCH):
            add_messages(session, rows[start : start + BATCH])
        session.add_all(
            CouponCode(
                shop_id=shop.id,
                code=code,
                coupon_id=1,
                message_key=f"mail:{number}",
                given_at=START,
            )
            for code, number in books.codes.items()
        )


def mixed(said: Sequence[Said], chance: random.Random) -> list[Said]:
    """Return deliveries in another order, some of them twice."""
    told = [*said, *(each for each in said if chance.random() < 0.1)]
    chance.shuffle(told)
    return told


def sold_by_day(shop: Shop) -> Iterator[tuple[str, Total]]:
    with db.reading() as session:
        day = datetime(2024, 12, 1, tzinfo=UTC)
        edges = [day + timedelta(days=n) for n in range(730)]
        found = orders.order_totals_by_day(session, shop.id, edges)
    return ((edges[n].date().isoformat(), total) for n, total in found.items())


def bought(shop: Shop, books: Books) -> tuple[dict[int, Total], dict[int, int]]:
    """Orders and sum of each customer, and the sum of the values of their `Placed Order`."""
    keys = {customer: (IdentityKind.CUSTOMER, str(customer)) for customer in books.buyers}
    with db.reading() as session:
        known = profiles.find_identities(session, shop.id, keys.values())
        rows = session.exec(
            select(Event.profile_id, func.sum(Event.value))
            .where(Event.shop_id == shop.id, Event.metric == "Placed Order")
            .group_by(Event.profile_id)
        )
        sums = {profile: int(total) for profile, total in rows}
        counts = {
            customer: orders.bought_by(session, shop.id, known[key])
            for customer, key in keys.items()
        }
        return counts, {customer: sums.get(known[key], 0) for customer, key in keys.items()}


def earned(shop: Shop) -> dict[int, Total]:
    with db.reading() as session:
        rows = session.exec(
            select(Attribution.message_id, func.count(), func.sum(Attribution.amount))
            .where(Attribution.shop_id == shop.id)
            .group_by(Attribution.message_id)
        )
        return {message: (count, int(total)) for message, count, total in rows}


def refunded(shop: Shop, books: Books) -> int:
    """What went back to the customers, by their events."""
    keys = [(IdentityKind.CUSTOMER, str(customer)) for customer in books.buyers]
    with db.reading() as session:
        known = profiles.find_identities(session, shop.id, keys)
        rows = session.exec(
            select(Event.profile_id, func.sum(Event.value))
            .where(
                Event.shop_id == shop.id,
                Event.metric == "Refunded Order",
                Event.currency == shop.currency,
            )
            .group_by(Event.profile_id)
        )
        return sum(int(total) for profile, total in rows if profile in set(known.values()))


def check(shop: Shop, books: Books) -> Recount:
    """Compare every total with a recount."""
    recount = Recount(books)
    days, per_buyer, by_message = recount.sold_by_day(), recount.bought(), recount.earned()
    assert dict(sold_by_day(shop)) == days
    counts, sums = bought(shop, books)
    assert counts == per_buyer
    assert sums == {customer: total for customer, (_, total) in per_buyer.items()}
    assert refunded(shop, books) == recount.refunded()
    assert earned(shop) == by_message
    with db.reading() as session:
        figures = home.count(session, shop.id, *EVER)
    assert figures.orders == sum(count for count, _ in days.values())
    assert figures.revenue == sum(total for _, total in days.values())
    assert figures.earned == sum(total for _, total in by_message.values()) <= figures.revenue
    return recount


def test_p05_ten_thousand_orders_come_to_what_their_payloads_say(in_memory: None) -> None:
    for seed, (currency, count) in enumerate((("USD", 6_000), ("JPY", 2_000), ("KWD", 2_000))):
        books, shop = Books(seed, count, currency), opened(currency)
        deliver(shop, list(books.customers()))
        send_mails(shop, books)
        deliver(shop, mixed(list(books.deliveries()), random.Random(seed)))
        recount = check(shop, books)
        assert len(recount.counted) < count
        assert len(recount.earned()) > count // 20


@pytest.mark.parametrize("seed", range(6))
def test_p05_any_order_of_deliveries_comes_to_the_same_totals(database: None, seed: int) -> None:
    books, shop = Books(seed, 150, "USD"), opened("USD")
    deliver(shop, list(books.customers()))
    send_mails(shop, books)
    said = list(books.deliveries())
    chance = random.Random(seed)
    if seed % 2:
        said = mixed(said, chance)
    for start in range(0, len(said), 40):  # in small batches: a webhook seldom comes alone
        deliver(shop, said[start : start + 40])
    check(shop, books)
    deliver(shop, mixed(said, chance))  # all of it once more changes nothing
    check(shop, books)
