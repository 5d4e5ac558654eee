"""A store with many changes, and webhooks that get lost: differences that can be counted."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, update
from sqlmodel import Session, SQLModel, col, select

from devstore.people.seed import Seed
from devstore.shop.outbox import Request
from devstore.shop.store import Store
from storage import events, profiles
from storage.events import Event
from storage.inventory import Stock
from storage.orders import OrderLine
from storage.products import Variant
from storage.profiles import IdentityKind, Profile

CONSENT = "customers_email_marketing_consent/update"
CUSTOMERS = ("customers/create", "customers/update", CONSENT)


@dataclass
class Gaps:
    """Which records lack what. Ids are the storefront's own."""

    dropped: dict[str, set[int]] = field(default_factory=dict)  # of these nothing ever came
    # the last webhooks of these never came
    stale: dict[str, set[int]] = field(default_factory=dict)
    half: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # (what is lacking, id)

    def counts(self) -> Counter[tuple[str, str]]:
        """How many there are of each noun and kind."""
        found: Counter[tuple[str, str]] = Counter()
        for kind, by_noun in (("missing", self.dropped), ("stale", self.stale)):
            found.update({(noun, kind): len(ids) for noun, ids in by_noun.items()})
        found.update({(noun, "partial"): len(rows) for noun, rows in self.half.items()})
        return found


class Market:
    """A store in which much happens, each thing once; `size` 1 plants 500 gaps."""

    def __init__(self, store: Store, size: float) -> None:
        self.store, self.size = store, size
        self.chance = random.Random(5)
        self.gaps = Gaps()
        self.people = Seed(store)
        self.goods = [product["variants"][0]["id"] for product in store.for_sale()]

    def many(self, number: int) -> int:
        return max(1, round(number * self.size))

    def trade(self) -> None:
        """Make a thousand customers, some hundred orders and products, and late changes of some."""
        store = self.store
        for product in store.for_sale():
            store.update_product(product["id"], stock=1_000_000)
        known = [self._customer(number) for number in range(self.many(1_000))]
        sold = [self.sale(f"buyer{n}@example.com", n)["id"] for n in range(self.many(500))]
        for number in range(self.many(20)):
            self.sale(f"buyer{number}@example.com", test=True)
        made = [self._product(number) for number in range(self.many(400))]
        for number in range(self.many(100)):
            store.start_checkout(self.cart(), f"buyer{number % len(sold)}@example.com")
        quiet = [one for one in known if one["email_consent"]["state"] == "not_subscribed"]
        agreed = [one["id"] for one in known if one not in quiet]
        people = self._picked([one["id"] for one in quiet], 80, 40, 20)
        yeses = self._picked(agreed, 30)[0]
        orders = self._picked(sold, 100, 50, 30, 30)
        goods = self._picked(made, 60, 20, 20, 20)
        self.gaps.dropped = {"customers": people[0], "orders": orders[0], "products": goods[0]}
        self.gaps.stale = {"customers": people[1], "orders": orders[1], "products": goods[1]}
        self.gaps.half = {
            "customers": [("name", i) for i in people[2]] + [("consent", i) for i in yeses],
            "orders": [("lines", i) for i in orders[2]] + [("events", i) for i in orders[3]],
            "products": [("variants", i) for i in goods[2]] + [("stock", i) for i in goods[3]],
        }
        self.before = len(store.outbox())
        self._last_news()

    def _last_news(self) -> None:
        stale, began = self.gaps.stale, self.store.now
        self.store.now = lambda: began() + timedelta(seconds=2)  # webhooks carry whole seconds
        for one in stale["customers"]:
            email = self.store.customer(one)["email"]
            self.store.register_customer(email, first_name="Renamed")
        for number, order in enumerate(stale["orders"]):
            self._change(order, number)
        for product in stale["products"]:
            self.store.update_product(product, title="Renamed", price=4_200)

    def _change(self, order: int, number: int) -> None:
        """Cancel an order, edit it, or give some of it back."""
        variant = self.store.order(order)["lines"][0]["variant_id"]
        if number % 4 == 0:
            self.store.cancel_order(order)
        elif number % 4 == 1:
            self.store.edit_order(order, self.goods[number % len(self.goods)], 2)
        elif number % 4 == 2:
            self.store.return_goods(order, {variant: 1})
        else:
            self.store.refund_order(order)

    def _customer(self, number: int) -> dict:
        email = f"known{number}@example.com"
        address = self.people.person(number)["address"]
        kept = self.store.register_customer(
            email, first_name=f"First{number}", last_name="Known", address=address
        )
        if self.chance.random() < 0.3:
            kept = self.store.set_consent(email, email_state="subscribed")
        return kept

    def cart(self) -> str:
        """The token of a cart with something in it."""
        return self.store.add_to_cart(None, self.chance.choice(self.goods))["token"]

    def sale(self, email: str, number: int = 0, *, test: bool = False) -> dict:
        """An order from the cart to the payment, or to one in test mode."""
        checkout = self.store.start_checkout(self.cart(), email)["token"]
        address = self.people.person(number)["address"]
        self.store.update_checkout(checkout, address=address)
        return self.store.complete_checkout(checkout, test=test)

    def _product(self, number: int) -> int:
        sizes = [{"title": f"{ml} ml", "price": 1_000 + ml} for ml in (30, 50)]
        made = self.store.create_product(
            handle=f"new-{number}", title=f"New {number}", tags=["new", "b"], variants=sizes
        )
        return made["id"]

    def _picked(self, ids: Iterable[int], *numbers: int) -> list[set[int]]:
        """Disjoint sets of so many ids each."""
        pool = self.chance.sample(list(ids), k=sum(map(self.many, numbers)))
        return [{pool.pop() for _ in range(self.many(number))} for number in numbers]

    def arrived(self) -> list[Request]:
        """The deliveries that were not lost."""
        told = self.store.deliveries()
        dropped, stale = self.gaps.dropped, self.gaps.stale
        yeses = {key for what, key in self.gaps.half["customers"] if what == "consent"}
        return [
            each
            for number, each in enumerate(told)
            if not any(_about(each, noun) in ids for noun, ids in dropped.items())
            and not (each.topic == CONSENT and _about(each, "customers") in yeses)
            and not (
                number >= self.before
                and any(_about(each, noun) in ids for noun, ids in stale.items())
            )
        ]

    def damage(self, session: Session, shop_id: int) -> None:
        """Take out of a shop's database what was only half-applied; a yes never came at all."""
        for noun, rows in self.gaps.half.items():
            for what, key in rows:
                if (noun, what) in DAMAGES:
                    DAMAGES[noun, what](session, shop_id, key, self.store)


def _about(request: Request, noun: str) -> int | None:
    """The id of the customer, order or product that a delivery is about."""
    if noun == "customers" and request.topic in CUSTOMERS:
        return request.payload.get("customer_id") or request.payload["id"]
    return request.payload.get("id") if request.topic.startswith(f"{noun}/") else None


def _gone(session: Session, table: type[SQLModel], shop_id: int, *where: object) -> None:
    session.connection().execute(delete(table).where(table.shop_id == shop_id, *where))


def _name(session: Session, shop_id: int, key: int, _store: Store) -> None:
    whose = profiles.find_identities(session, shop_id, [(IdentityKind.CUSTOMER, str(key))])
    mine = (col(Profile.shop_id) == shop_id, col(Profile.id).in_(whose.values()))
    row = session.get(Profile, (shop_id, next(iter(whose.values()))))
    times = {name: at for name, at in row.field_times.items() if name != "first_name"}
    session.connection().execute(
        update(Profile).where(*mine).values(first_name=None, field_times=times)
    )


def _lines(session: Session, shop_id: int, key: int, _store: Store) -> None:
    _gone(session, OrderLine, shop_id, OrderLine.order_id == key)


def _events(session: Session, shop_id: int, key: int, _store: Store) -> None:
    mine = (
        col(Event.unique_id).in_((str(key), f"{key}:0")),
        col(Event.metric).in_(("Placed Order", "Ordered Product")),
    )
    hers = select(Event.profile_id).where(Event.shop_id == shop_id, *mine)
    whose = set(session.exec(hers))
    _gone(session, Event, shop_id, *mine)
    events.recount_activity(session, shop_id, whose)


def _variants(session: Session, shop_id: int, key: int, _store: Store) -> None:
    _gone(session, Variant, shop_id, Variant.product_id == key)


def _stock(session: Session, shop_id: int, key: int, store: Store) -> None:
    sizes = [each["id"] for each in store.product(key)["variants"]]
    _gone(session, Stock, shop_id, Stock.variant_id.in_(sizes))


DAMAGES: dict[tuple[str, str], Callable[[Session, int, int, Store], None]] = {
    ("customers", "name"): _name,
    ("orders", "lines"): _lines,
    ("orders", "events"): _events,
    ("products", "variants"): _variants,
    ("products", "stock"): _stock,
}
